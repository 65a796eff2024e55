"""Browsers that are signed in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)


class Session(ControlTable):
    """A browser that is signed in. What it holds is kept as a keyed hash only."""

    __tablename__ = "session"
    __keep__ = Keep(days=30, anchor="expires_at", promise="keep.active")
    __table_args__ = (UniqueConstraint("token_hash"), Index("ix_session_user_id", "user_id"))

    token_hash: Mapped[bytes] = column(nothing("keyed hash of the cookie", Category.SECRET_HASH), LargeBinary)
    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who is signed in"))
    tenant_id: Mapped[UUID | None] = column(nothing("the workspace they are working in"))
    device: Mapped[bytes | None] = column(
        personal(
            Category.DEVICE,
            Whose.USER,
            "browser and system, in words",
            purposes=("security",),
            person="user_id",
        ),
        Sealed(),
    )
    address: Mapped[bytes | None] = column(
        personal(
            Category.DEVICE,
            Whose.USER,
            "the network it comes from, without the part that names one machine",
            purposes=("security",),
            person="user_id",
        ),
        Sealed(),
    )
    verified_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when they last proved who they are", ("security",))
    )
    methods: Mapped[list[str]] = column(
        metadata_of(Whose.USER, "how they proved who they are", ("security",)),
        ARRAY(String(12)),
        default=list,
        server_default=text("'{}'"),
    )
    last_seen_at: Mapped[datetime] = column(metadata_of(Whose.USER, "when it was last used", ("security",)))
    expires_at: Mapped[datetime] = column(nothing("when it ends at the latest"))
    revoked_at: Mapped[datetime | None] = column(nothing("when it was signed out"))
