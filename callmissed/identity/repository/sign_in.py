"""SQL of sign-in."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation.database import Tx
from callmissed.identity.models import SignInCode, SignInCounter


async def counter(tx: Tx, kind: str, subject: bytes, now: datetime) -> SignInCounter:
    """The counter of this subject, held until the transaction ends: guesses queue up instead of racing."""
    row = {"kind": kind, "subject": subject, "tries": 0, "counted_from": now}
    await tx.session.execute(insert(SignInCounter).values(row).on_conflict_do_nothing())
    query = (
        select(SignInCounter)
        .where(SignInCounter.kind == kind, SignInCounter.subject == subject)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).one()


async def code_under(tx: Tx, token_hash: bytes) -> SignInCode | None:
    """The code that this browser asked for, as it is now."""
    query = select(SignInCode).where(SignInCode.token_hash == token_hash)
    return await tx.session.scalar(query.execution_options(populate_existing=True))


async def replace_code(tx: Tx, token_hash: bytes, now: datetime) -> None:
    """Close the open code that this browser asked for."""
    query = update(SignInCode).where(
        SignInCode.token_hash == token_hash,
        SignInCode.consumed_at.is_(None),
        SignInCode.replaced_at.is_(None),
    )
    await tx.session.execute(query.values(replaced_at=now))


async def codes_past(tx: Tx, moment: datetime, limit: int) -> Sequence[UUID]:
    """Codes that ended before this time."""
    query = select(SignInCode.id).where(SignInCode.expires_at < moment).limit(limit)
    return (await tx.session.scalars(query)).all()


async def remove_codes(tx: Tx, ids: Sequence[UUID]) -> None:
    """Remove these codes."""
    await tx.session.execute(delete(SignInCode).where(SignInCode.id.in_(ids)))


async def remove_counters(tx: Tx, moment: datetime) -> None:
    """Remove counters that have counted nothing since, and close nothing."""
    await tx.session.execute(
        delete(SignInCounter).where(
            SignInCounter.counted_from < moment,
            or_(SignInCounter.locked_until.is_(None), SignInCounter.locked_until < moment),
        )
    )
