"""SQL of who owns keys: service accounts, and the users who made them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from callmissed.foundation.database import Tx
from callmissed.identity.models import ApiKey


async def keys_of(
    tx: Tx, *, service_account_id: UUID | None = None, made_by: UUID | None = None
) -> Sequence[ApiKey]:
    """Keys that were not revoked, held until the transaction ends: of a service account, or those a user owns."""
    query = select(ApiKey).where(ApiKey.tenant_id == tx.tenant_id, ApiKey.revoked_at.is_(None))
    if service_account_id is not None:
        query = query.where(ApiKey.service_account_id == service_account_id)
    else:
        query = query.where(ApiKey.created_by == made_by, ApiKey.service_account_id.is_(None))
    return (await tx.session.scalars(query.with_for_update())).all()


async def count_by_service_account(tx: Tx) -> dict[UUID, int]:
    """How many keys each service account owns that were not revoked."""
    query = select(ApiKey.service_account_id, func.count()).where(
        ApiKey.tenant_id == tx.tenant_id,
        ApiKey.revoked_at.is_(None),
        ApiKey.service_account_id.is_not(None),
    )
    rows = (await tx.session.execute(query.group_by(ApiKey.service_account_id))).all()
    return {owner: count for owner, count in rows if owner is not None}
