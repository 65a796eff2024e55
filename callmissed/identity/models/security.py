"""Proofs and warnings: codes by which a signed-in person shows that it is them, and what they were warned of."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Index, Integer, LargeBinary, String, Uuid
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    Whose,
    column,
    nothing,
    personal,
    pseudonym,
)


class ProofCode(ControlTable):
    """A code sent to a signed-in person: to prove themselves again, or to prove a new e-mail address."""

    __tablename__ = "proof_code"
    __keep__ = Keep(days=8, anchor="expires_at", promise="keep.active")
    __table_args__ = (
        CheckConstraint("purpose IN ('again', 'email')", name="purpose"),
        Index("ix_proof_code_user_id", "user_id"),
    )

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who is to prove something"))
    session_id: Mapped[UUID] = column(nothing("the browser that asked"))
    purpose: Mapped[str] = column(nothing("what it proves: again, or email"), String(8))
    code_hash: Mapped[bytes] = column(nothing("keyed hash of the code", Category.SECRET_HASH), LargeBinary)
    address: Mapped[bytes | None] = column(
        personal(Category.CONTACT_POINT, Whose.USER, "the new e-mail address", person="user_id"), Sealed()
    )
    email_index: Mapped[bytes | None] = column(
        pseudonym(Whose.USER, "keyed hash of the new e-mail address"), LargeBinary
    )
    previous: Mapped[bytes | None] = column(
        personal(Category.CONTACT_POINT, Whose.USER, "the address before, to go back to", person="user_id"),
        Sealed(),
    )
    previous_index: Mapped[bytes | None] = column(
        pseudonym(Whose.USER, "keyed hash of the address before"), LargeBinary
    )
    tries: Mapped[int] = column(nothing("wrong codes so far"), Integer, default=0)
    expires_at: Mapped[datetime] = column(nothing("until when it works"))
    consumed_at: Mapped[datetime | None] = column(nothing("when it was used"))
    undone_at: Mapped[datetime | None] = column(nothing("when it was taken back"))


class SecurityAlert(ControlTable):
    """A warning that was sent: what happened to an account, and whether its holder said that it was not them."""

    __tablename__ = "security_alert"
    __keep__ = Keep(days=30, anchor="created_at", promise="keep.active")
    __table_args__ = (
        Index("ix_security_alert_user_id", "user_id"),
        Index("ix_security_alert_leaf_id", "leaf_id"),
    )

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "who was warned"))
    tenant_id: Mapped[UUID | None] = column(nothing("the workspace it happened in"))
    what: Mapped[str] = column(nothing("what happened"), String(24))
    about: Mapped[UUID | None] = column(nothing("the key, factor or domain it is about"))
    leaf_id: Mapped[UUID | None] = column(nothing("the leaf of the audit log that wrote it down"))
    letter_id: Mapped[UUID] = column(nothing("the letter that was sent"))
    expires_at: Mapped[datetime] = column(nothing("until when the link in it works"))
    answered_at: Mapped[datetime | None] = column(nothing("when they said that it was not them"))
    stopped_keys: Mapped[list[UUID] | None] = column(
        nothing("keys that were stopped then, to choose from"), ARRAY(Uuid)
    )
