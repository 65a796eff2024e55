"""SQL of the management API: what was done under an Idempotency-Key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from callmissed.dashboard.management.models import PerformedOnce
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7


async def claim(tx: Tx, caller_id: UUID, key_hash: bytes, request_hash: bytes, status: int) -> bool:
    """Enter a request. False when this caller used the key before; waits for one that is under way."""
    row = {
        "tenant_id": tx.tenant_id,
        "id": uuid7(),
        "caller_id": caller_id,
        "key_hash": key_hash,
        "request_hash": request_hash,
        "status": status,
        "created_at": clock.now(),
    }
    query = insert(PerformedOnce).values(row).on_conflict_do_nothing().returning(PerformedOnce.id)
    return await tx.session.scalar(query) is not None


async def found(tx: Tx, caller_id: UUID, key_hash: bytes) -> PerformedOnce | None:
    """What this caller had done under this key."""
    query = select(PerformedOnce).where(
        PerformedOnce.tenant_id == tx.tenant_id,
        PerformedOnce.caller_id == caller_id,
        PerformedOnce.key_hash == key_hash,
    )
    return await tx.session.scalar(query.execution_options(populate_existing=True))


async def forget(tx: Tx, caller_id: UUID, key_hash: bytes, before: datetime) -> None:
    """Forget what was done under this key before that time."""
    await tx.session.execute(
        delete(PerformedOnce).where(
            PerformedOnce.tenant_id == tx.tenant_id,
            PerformedOnce.caller_id == caller_id,
            PerformedOnce.key_hash == key_hash,
            PerformedOnce.created_at < before,
        )
    )
