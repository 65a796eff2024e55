"""The second step with an app: its secret, and the codes for the day the device is lost."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Sealed,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)
from callmissed.identity.models.accounts import ACCOUNT


class TotpFactor(ControlTable):
    """An app that shows codes (RFC 6238). Its secret has to be readable to us, so it is sealed under the person's key."""

    __tablename__ = "totp_factor"
    __keep__ = ACCOUNT
    __table_args__ = (Index("ix_totp_factor_user_id", "user_id"),)

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "whose app it is"))
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
    secret: Mapped[bytes] = column(
        personal(
            Category.DEVICE, Whose.USER, "the secret the app shares", purposes=("security",), person="user_id"
        ),
        Sealed(),
    )
    drift_steps: Mapped[int] = column(
        nothing("by how many half minutes the device's clock is off"), Integer, default=0
    )
    last_step: Mapped[int | None] = column(nothing("the newest half minute whose code was used"), BigInteger)
    stray_step: Mapped[int | None] = column(
        nothing("the half minute of a code that was off, waiting for the next one"), BigInteger
    )
    confirmed_at: Mapped[datetime | None] = column(nothing("when its first code was typed"))
    last_used_at: Mapped[datetime | None] = column(
        metadata_of(Whose.USER, "when it was last used", ("security",))
    )


class RecoveryCode(ControlTable):
    """A code on paper that stands in for a lost device, once. Kept as a keyed hash only."""

    __tablename__ = "recovery_code"
    __keep__ = ACCOUNT
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "whose code it is"))
    code_hash: Mapped[bytes] = column(nothing("keyed hash of the code", Category.SECRET_HASH), LargeBinary)
    used_at: Mapped[datetime | None] = column(metadata_of(Whose.USER, "when it was used", ("security",)))
