"""SQL of the secrets of keys: their use, and those a key had before."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import ApiKey, RetiredSecret

NOTED_EVERY = timedelta(seconds=50)
"""The use of a key is noted to the minute: more often is no reason to write."""


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


async def mark_used(tx: Tx, key_id: UUID, used: Collection[bytes], now: datetime) -> None:
    """Note that a key was used, and which former secrets were among those used. Writes at most once a minute."""
    before = now - NOTED_EVERY
    query = update(ApiKey).where(
        ApiKey.tenant_id == tx.tenant_id,
        ApiKey.id == key_id,
        or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < before),
    )
    await tx.session.execute(query.values(last_used_at=now))
    old = update(RetiredSecret).where(
        RetiredSecret.tenant_id == tx.tenant_id,
        RetiredSecret.secret_hash.in_(used),
        or_(RetiredSecret.last_used_at.is_(None), RetiredSecret.last_used_at < before),
    )
    await tx.session.execute(old.values(last_used_at=now))
