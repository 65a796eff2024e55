"""SQL of apps that show codes, and of recovery codes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import RecoveryCode, TotpFactor


async def apps_of(tx: Tx, user_id: UUID, *, for_update: bool = False) -> Sequence[TotpFactor]:
    """A person's apps that have shown a first code, oldest first; `for_update` holds them, so that a code is used once."""
    query = (
        select(TotpFactor)
        .where(TotpFactor.user_id == user_id, TotpFactor.confirmed_at.is_not(None))
        .order_by(TotpFactor.id)
    )
    query = query.with_for_update().execution_options(populate_existing=True) if for_update else query
    return (await tx.session.scalars(query)).all()


async def app(tx: Tx, user_id: UUID, factor_id: UUID) -> TotpFactor | None:
    """One app of this person, confirmed or not, held until the transaction ends."""
    query = select(TotpFactor).where(TotpFactor.user_id == user_id, TotpFactor.id == factor_id)
    return await tx.session.scalar(query.with_for_update().execution_options(populate_existing=True))


async def forget_unconfirmed(tx: Tx, user_id: UUID) -> None:
    """Remove apps that were begun and never showed a code."""
    query = delete(TotpFactor).where(TotpFactor.user_id == user_id, TotpFactor.confirmed_at.is_(None))
    await tx.session.execute(query)


async def forget_begun(tx: Tx, moment: datetime) -> None:
    """Remove everybody's apps that were begun before this time and never showed a code."""
    stale = (TotpFactor.confirmed_at.is_(None), TotpFactor.created_at < moment)
    await tx.session.execute(delete(TotpFactor).where(*stale))


async def recovery_left(tx: Tx, user_id: UUID) -> int:
    """How many recovery codes of this person are unused."""
    query = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return (await tx.session.execute(query)).scalar_one()


async def use_recovery(tx: Tx, user_id: UUID, code_hash: bytes, now: datetime) -> bool:
    """Use up this recovery code; whether there was one. Two never both use it."""
    query = update(RecoveryCode).where(
        RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None)
    )
    return (await tx.session.scalar(query.values(used_at=now).returning(RecoveryCode.id))) is not None


async def forget_recovery(tx: Tx, user_id: UUID) -> None:
    """Remove every recovery code of this person."""
    await tx.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
