"""How somebody signs in: codes that were sent, and what is counted against guessing."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Row,
    Sealed,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)


class SignInCode(ControlTable):
    """A code sent to an e-mail address. Whose it is, is not looked up before it is redeemed; it has a key of its own."""

    __tablename__ = "sign_in_code"
    __keep__ = Keep(days=1, anchor="expires_at", promise="keep.active")
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_sign_in_code_email_index", "email_index"),
        Index("ix_sign_in_code_expires_at", "expires_at"),
    )

    token_hash: Mapped[bytes] = column(
        nothing("keyed hash of what the asking browser holds", Category.SECRET_HASH), LargeBinary
    )
    code_hash: Mapped[bytes] = column(nothing("keyed hash of the code", Category.SECRET_HASH), LargeBinary)
    address: Mapped[bytes] = column(
        personal(Category.CONTACT_POINT, Whose.USER, "the e-mail address it was sent to", person="id"),
        Sealed(),
    )
    email_index: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of the e-mail address"), LargeBinary
    )
    language: Mapped[str] = column(
        metadata_of(Whose.USER, "the language it was asked in", ("service",)), String(16)
    )
    provider: Mapped[str | None] = column(
        nothing("the provider that will be linked when it is redeemed"), String(40)
    )
    subject_index: Mapped[bytes | None] = column(
        pseudonym(Whose.USER, "keyed hash of that provider's id for this person"), LargeBinary
    )
    full_name: Mapped[bytes | None] = column(
        personal(Category.ACCOUNT, Whose.USER, "the name that provider gave, for a new account", person="id"),
        Sealed(),
        nullable=True,
    )
    expires_at: Mapped[datetime] = column(nothing("until when it works"))
    consumed_at: Mapped[datetime | None] = column(nothing("when it was redeemed"))
    replaced_at: Mapped[datetime | None] = column(nothing("when a newer one was sent"))


class SignInCounter(Row):
    """How often something happened lately under an e-mail address or from a network address, and until when it is closed."""

    __tablename__ = "sign_in_counter"
    __keep__ = Keep(days=1, anchor="counted_from", promise="keep.active")

    kind: Mapped[str] = column(nothing("what is counted, and by what"), String(24), primary_key=True)
    subject: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of an e-mail or network address"), LargeBinary, primary_key=True
    )
    tries: Mapped[int] = column(nothing("how often"), Integer, default=0)
    counted_from: Mapped[datetime] = column(nothing("since when it is counted"))
    locked_until: Mapped[datetime | None] = column(nothing("until when it is closed"))
