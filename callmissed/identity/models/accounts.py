"""The account: a person, by name, e-mail and optional phone, all sealed under their own key."""

from datetime import datetime

from sqlalchemy import LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    Whose,
    column,
    metadata_of,
    personal,
    pseudonym,
)

ACCOUNT = Keep(until="the account is closed, then 30 days of recovery", promise="keep.deleted-account")


class UserAccount(ControlTable):
    """A person with an account. Readable parts are sealed under their own key."""

    __tablename__ = "user_account"
    __keep__ = ACCOUNT
    __table_args__ = (UniqueConstraint("email_index"),)

    full_name: Mapped[bytes | None] = column(
        personal(Category.ACCOUNT, Whose.USER, "name", person="id"), Sealed(), nullable=True
    )
    email: Mapped[bytes] = column(
        personal(Category.ACCOUNT, Whose.USER, "e-mail address", person="id"), Sealed()
    )
    email_index: Mapped[bytes] = column(
        pseudonym(Whose.USER, "keyed hash of the e-mail address, to sign in by"), LargeBinary
    )
    phone: Mapped[bytes | None] = column(
        personal(Category.ACCOUNT, Whose.USER, "phone number, if given", person="id"), Sealed(), nullable=True
    )
    language: Mapped[str] = column(
        metadata_of(Whose.USER, "the language they read", ("service",)), String(16)
    )
    adult_declared_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when they declared to be 18 or older", ("service", "legal"))
    )
    locked_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when it was locked because somebody else may have used it", ("security",))
    )
    deactivated_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when they closed the account", ("service",))
    )
