"""SQL of the secrets that keys had before."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import RetiredSecret


async def retired_secrets(tx: Tx, key_ids: Sequence[UUID]) -> Sequence[RetiredSecret]:
    """The secrets that these keys had before, as far as they are kept, newest first."""
    query = select(RetiredSecret).where(
        RetiredSecret.tenant_id == tx.tenant_id, RetiredSecret.key_id.in_(key_ids)
    )
    return (await tx.session.scalars(query.order_by(RetiredSecret.serial.desc()))).all()


async def end_overlaps(tx: Tx, key_id: UUID, now: datetime) -> int:
    """Let the former secrets of a key work no longer than until now. Returns how many ended by that."""
    query = update(RetiredSecret).where(
        RetiredSecret.tenant_id == tx.tenant_id,
        RetiredSecret.key_id == key_id,
        RetiredSecret.works_until > now,
    )
    ended = await tx.session.scalars(query.values(works_until=now).returning(RetiredSecret.id))
    return len(ended.all())
