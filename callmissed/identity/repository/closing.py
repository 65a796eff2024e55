"""SQL of closings, their notices and the steps of erasures."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Table, and_, delete, exists, func, select, true, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import Closing, ClosingNotice, ErasureStep, Session, Tenant


async def open_closing(tx: Tx, subject_id: UUID, *, for_update: bool = False) -> Closing | None:
    """The closing of this workspace or account that can still be taken back, or is being carried out."""
    query = select(Closing).where(
        Closing.subject_id == subject_id, Closing.reopened_at.is_(None), Closing.erased_at.is_(None)
    )
    query = query.order_by(Closing.id.desc()).limit(1)
    return await tx.session.scalar(query.with_for_update() if for_update else query)


async def closing(tx: Tx, closing_id: UUID, *, for_update: bool = False) -> Closing | None:
    """One closing."""
    return await tx.session.get(
        Closing, closing_id, with_for_update=for_update or None, populate_existing=for_update
    )


async def due_notices(tx: Tx, now: datetime, limit: int) -> Sequence[tuple[ClosingNotice, Closing]]:
    """Notices that are due, each held by one sweep alone."""
    query = (
        select(ClosingNotice, Closing)
        .join(Closing, Closing.id == ClosingNotice.closing_id)
        .where(
            ClosingNotice.due_at <= now,
            ClosingNotice.sent_at.is_(None),
            Closing.reopened_at.is_(None),
            Closing.erasing_at.is_(None),
        )
        .order_by(ClosingNotice.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [(row[0], row[1]) for row in (await tx.session.execute(query)).all()]


async def due_erasures(tx: Tx, now: datetime) -> Sequence[UUID]:
    """Closings whose time is over and whose notices have all been sent."""
    unsent = exists().where(ClosingNotice.closing_id == Closing.id, ClosingNotice.sent_at.is_(None))
    query = select(Closing.id).where(
        Closing.ends_at <= now, Closing.reopened_at.is_(None), Closing.erased_at.is_(None), ~unsent
    )
    return (await tx.session.scalars(query.order_by(Closing.ends_at))).all()


async def steps(tx: Tx, closing_id: UUID) -> Sequence[ErasureStep]:
    """The steps of an erasure, in order."""
    query = select(ErasureStep).where(ErasureStep.closing_id == closing_id).order_by(ErasureStep.position)
    return (await tx.session.scalars(query)).all()


async def step_held(tx: Tx, step_id: UUID) -> ErasureStep | None:
    """A step that is not done, held until the transaction ends; None when it is done or another process has it."""
    query = select(ErasureStep).where(ErasureStep.id == step_id, ErasureStep.done_at.is_(None))
    return await tx.session.scalar(
        query.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    )


async def count(tx: Tx, table: Table) -> int:
    """How many rows of this tenant a table has."""
    query = select(func.count()).select_from(table).where(table.columns["tenant_id"] == tx.tenant_id)
    return int(await tx.session.scalar(query) or 0)


async def erase_portion(tx: Tx, table: Table, most: int, after: UUID | None) -> tuple[int, UUID | None]:
    """Remove up to so many rows of this tenant from a table, the oldest first, from the id `after` on.

    Returns how many there were and the last id, None when no more are left. Going on from an id spares the database the
    entries of what was removed before.
    """
    ids = table.columns["id"]
    mine = and_(table.columns["tenant_id"] == tx.tenant_id, ids > after if after else true())
    last: UUID | None = await tx.session.scalar(
        select(ids).where(mine).order_by(table.columns["tenant_id"], ids).offset(most - 1).limit(1)
    )
    query = delete(table).where(mine, ids <= last if last else true())
    return int(getattr(await tx.session.execute(query), "rowcount", 0)), last


async def leave_sessions(tx: Tx, tenant_id: UUID) -> int:
    """Have every session that works in this tenant work nowhere; how many there were."""
    query = update(Session).where(Session.tenant_id == tenant_id).values(tenant_id=None)
    return len((await tx.session.execute(query.returning(Session.id))).all())


async def tenants_standing(tx: Tx) -> Sequence[UUID]:
    """Every tenant that is not marked as erased."""
    return (await tx.session.scalars(select(Tenant.id).where(Tenant.state != "erased"))).all()


async def steps_about(tx: Tx, subject_id: UUID) -> Sequence[ErasureStep]:
    """Every step of every erasure of this workspace or account, in order."""
    query = (
        select(ErasureStep)
        .join(Closing, Closing.id == ErasureStep.closing_id)
        .where(Closing.subject_id == subject_id)
        .order_by(ErasureStep.closing_id, ErasureStep.position)
    )
    return (await tx.session.scalars(query)).all()
