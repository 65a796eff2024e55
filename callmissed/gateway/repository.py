"""SQL of answers that may be asked for again, and of the workspaces' keys at suppliers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.gateway.models import AnsweredOnce, ProviderKey


async def claim(tx: Tx, key_id: UUID, key_hash: bytes, request_hash: bytes, usage_id: UUID) -> bool:
    """Enter a request. False when the key has used this Idempotency-Key before."""
    row = {
        "tenant_id": tx.tenant_id,
        "id": uuid7(),
        "key_id": key_id,
        "key_hash": key_hash,
        "request_hash": request_hash,
        "usage_id": usage_id,
        "created_at": clock.now(),
    }
    query = insert(AnsweredOnce).values(row).on_conflict_do_nothing().returning(AnsweredOnce.id)
    return await tx.session.scalar(query) is not None


async def found(tx: Tx, key_id: UUID, key_hash: bytes) -> AnsweredOnce | None:
    """What was asked under it, held until the transaction ends."""
    query = select(AnsweredOnce).where(
        AnsweredOnce.tenant_id == tx.tenant_id,
        AnsweredOnce.key_id == key_id,
        AnsweredOnce.key_hash == key_hash,
    )
    return await tx.session.scalar(query.with_for_update())


async def forget(tx: Tx, key_id: UUID, key_hash: bytes, before: datetime) -> None:
    """Forget what was asked under it before that time."""
    await tx.session.execute(
        delete(AnsweredOnce).where(
            AnsweredOnce.tenant_id == tx.tenant_id,
            AnsweredOnce.key_id == key_id,
            AnsweredOnce.key_hash == key_hash,
            AnsweredOnce.created_at < before,
        )
    )


async def kept_bytes(tx: Tx) -> int:
    """The size of all answers that the tenant has kept."""
    query = select(func.coalesce(func.sum(func.octet_length(AnsweredOnce.answer)), 0)).where(
        AnsweredOnce.tenant_id == tx.tenant_id
    )
    return int((await tx.session.execute(query)).scalar_one())


async def provider_keys(tx: Tx) -> Sequence[ProviderKey]:
    """The tenant's keys at suppliers, by upstream."""
    query = select(ProviderKey).where(ProviderKey.tenant_id == tx.tenant_id).order_by(ProviderKey.upstream)
    return (await tx.session.scalars(query)).all()


async def provider_key(tx: Tx, key_id: UUID, *, for_update: bool = False) -> ProviderKey | None:
    """One of them, as it is now."""
    query = select(ProviderKey).where(ProviderKey.tenant_id == tx.tenant_id, ProviderKey.id == key_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await tx.session.scalar(query)
