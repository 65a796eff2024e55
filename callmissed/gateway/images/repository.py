"""SQL of pictures that are kept. Every function works for the tenant of its transaction, and finds nothing past its days."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import undefer

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.gateway.images.models import KEPT_DAYS, KeptPicture


def _since() -> datetime:
    return clock.now() - timedelta(days=KEPT_DAYS)


async def held_bytes(tx: Tx) -> int:
    """The size of all pictures that the tenant has."""
    query = select(func.coalesce(func.sum(KeptPicture.size), 0)).where(KeptPicture.tenant_id == tx.tenant_id)
    return int((await tx.session.execute(query)).scalar_one())


async def picture(
    tx: Tx, picture_id: UUID, *, content: bool = False, tried: bool = False
) -> KeptPicture | None:
    """One of them; with `content`, its bytes too; with `tried`, only where it was made in the playground."""
    query = select(KeptPicture).where(
        KeptPicture.tenant_id == tx.tenant_id, KeptPicture.id == picture_id, KeptPicture.created_at > _since()
    )
    if tried:
        query = query.where(KeptPicture.key_id.is_(None))
    return await tx.session.scalar(query.options(undefer(KeptPicture.content)) if content else query)


async def recent(tx: Tx, limit: int, before: UUID | None, *, tried: bool = False) -> Sequence[KeptPicture]:
    """Pictures, the newest first, without their bytes; with `tried`, only those that were made in the playground."""
    query = select(KeptPicture).where(
        KeptPicture.tenant_id == tx.tenant_id, KeptPicture.created_at > _since()
    )
    if tried:
        query = query.where(KeptPicture.key_id.is_(None))
    if before is not None:
        query = query.where(KeptPicture.id < before)
    return (await tx.session.scalars(query.order_by(KeptPicture.id.desc()).limit(limit))).all()


async def remove(tx: Tx, picture_id: UUID) -> bool:
    """Remove one. False where there is none."""
    query = delete(KeptPicture).where(KeptPicture.tenant_id == tx.tenant_id, KeptPicture.id == picture_id)
    return await tx.session.scalar(query.returning(KeptPicture.id)) is not None
