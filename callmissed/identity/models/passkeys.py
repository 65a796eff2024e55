"""Passkeys, and the ceremonies in which a browser proves something: each is answered once, in the browser that began it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, LargeBinary, String, UniqueConstraint
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
from callmissed.identity.models.accounts import ACCOUNT


class Passkey(ControlTable):
    """A key pair in a person's device. We hold its public half, which opens nothing (WebAuthn Level 3 §4)."""

    __tablename__ = "passkey"
    __keep__ = ACCOUNT
    __table_args__ = (UniqueConstraint("credential_id"), Index("ix_passkey_user_id", "user_id"))

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "whose key it is"))
    name: Mapped[bytes] = column(
        personal(
            Category.DEVICE,
            Whose.USER,
            "what its holder calls it",
            purposes=("security",),
            person="user_id",
        ),
        Sealed(),
    )
    credential_id: Mapped[bytes] = column(
        pseudonym(Whose.USER, "the random name the device gave the key"), LargeBinary
    )
    public_key: Mapped[bytes] = column(
        pseudonym(Whose.USER, "the public half of a key made for us alone"), LargeBinary
    )
    sign_count: Mapped[int] = column(
        nothing("how often the device says it has signed, to notice a copy"), BigInteger
    )
    transports: Mapped[list[str]] = column(
        nothing("how a browser can reach the device"), ARRAY(String(20)), default=list
    )
    is_synced: Mapped[bool] = column(nothing("whether the device's maker keeps a copy of the key"))
    last_used_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when it was last used", ("security",))
    )


class Ceremony(ControlTable):
    """A question put to a browser: prove a passkey, a second factor, or come back from a provider. Answered once."""

    __tablename__ = "ceremony"
    __keep__ = Keep(days=1, anchor="expires_at", promise="keep.active")
    __table_args__ = (
        UniqueConstraint("ticket_hash"),
        Index("ix_ceremony_expires_at", "expires_at"),
        CheckConstraint(
            "kind IN ('passkey.add', 'passkey.sign_in', 'second', 'provider.sign_in', 'provider.link')",
            name="kind",
        ),
    )

    kind: Mapped[str] = column(nothing("what is asked"), String(20))
    ticket_hash: Mapped[bytes] = column(
        nothing("keyed hash of the challenge or ticket", Category.SECRET_HASH), LargeBinary
    )
    browser_hash: Mapped[bytes] = column(
        nothing("keyed hash of what the asking browser holds", Category.SECRET_HASH), LargeBinary
    )
    user_id: Mapped[UUID | None] = column(pseudonym(Whose.USER, "who is asked, where that is known"))
    methods: Mapped[list[str]] = column(nothing("what was proven before"), ARRAY(String(12)), default=list)
    provider: Mapped[str | None] = column(nothing("the provider that was asked"), String(40))
    subject_index: Mapped[bytes | None] = column(
        pseudonym(Whose.USER, "keyed hash of that provider's id for this person, until they are in"),
        LargeBinary,
    )
    onward: Mapped[str] = column(nothing("the page to go to afterwards"), String(500), default="")
    expires_at: Mapped[datetime] = column(nothing("until when it can be answered"))
    consumed_at: Mapped[datetime | None] = column(nothing("when it was answered"))
