"""SQL of answers that may be asked for again, of what is kept of requests, and of the workspaces' keys at suppliers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.gateway.models import LONGEST_LOG_DAYS, AnsweredOnce, KeptAnswer, PromptLog, ProviderKey


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


async def logged(tx: Tx, usage_id: UUID) -> PromptLog | None:
    """What was kept of a request, while its days last."""
    query = select(PromptLog).where(
        PromptLog.tenant_id == tx.tenant_id,
        PromptLog.id == usage_id,
        PromptLog.counts_from > clock.now() - timedelta(days=LONGEST_LOG_DAYS),
    )
    return await tx.session.scalar(query)


async def logged_bytes(tx: Tx) -> int:
    """The size of all that is kept of a tenant's requests."""
    query = select(func.coalesce(func.sum(func.octet_length(PromptLog.content)), 0)).where(
        PromptLog.tenant_id == tx.tenant_id
    )
    return int((await tx.session.execute(query)).scalar_one())


async def kept_answer(tx: Tx, request_hash: bytes, since: datetime) -> KeptAnswer | None:
    """The answer that the cache has for a request, if it is not older."""
    query = select(KeptAnswer).where(
        KeptAnswer.tenant_id == tx.tenant_id,
        KeptAnswer.request_hash == request_hash,
        KeptAnswer.created_at > since,
    )
    return await tx.session.scalar(query)


async def keep_answer(tx: Tx, row_id: UUID, key_id: UUID, request_hash: bytes, answer: bytes) -> None:
    """Enter an answer, unless another one of this moment is there."""
    row = {
        "tenant_id": tx.tenant_id,
        "id": row_id,
        "key_id": key_id,
        "request_hash": request_hash,
        "answer": answer,
        "created_at": clock.now(),
    }
    await tx.session.execute(insert(KeptAnswer).values(row).on_conflict_do_nothing())


async def forget_answers(tx: Tx, *, before: datetime | None = None, key_id: UUID | None = None) -> int:
    """Forget what the cache has: all, what is older, or what a key has asked. Returns how many answers went."""
    query = delete(KeptAnswer).where(KeptAnswer.tenant_id == tx.tenant_id).returning(KeptAnswer.id)
    if before is not None:
        query = query.where(KeptAnswer.created_at <= before)
    if key_id is not None:
        query = query.where(KeptAnswer.key_id == key_id)
    return len((await tx.session.scalars(query)).all())


async def cached_bytes(tx: Tx) -> int:
    """The size of all answers that the cache has."""
    query = select(func.coalesce(func.sum(func.octet_length(KeptAnswer.answer)), 0)).where(
        KeptAnswer.tenant_id == tx.tenant_id
    )
    return int((await tx.session.execute(query)).scalar_one())


async def cached_count(tx: Tx, since: datetime) -> int:
    """How many answers the cache has that are not older."""
    query = select(func.count()).where(KeptAnswer.tenant_id == tx.tenant_id, KeptAnswer.created_at > since)
    return int((await tx.session.execute(query)).scalar_one())
