"""SQL of keys."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from callmissed.foundation.database import Tx
from callmissed.identity.models import ApiKey


async def keys(tx: Tx) -> Sequence[ApiKey]:
    """The tenant's keys, newest first."""
    query = select(ApiKey).where(ApiKey.tenant_id == tx.tenant_id).order_by(ApiKey.id.desc())
    return (await tx.session.scalars(query)).all()


async def working_keys(tx: Tx, now: datetime) -> int:
    """How many keys of the tenant are neither revoked nor expired."""
    query = select(func.count()).where(
        ApiKey.tenant_id == tx.tenant_id,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
    )
    return (await tx.session.execute(query)).scalar_one()


async def key(tx: Tx, key_id: UUID, *, for_update: bool = False) -> ApiKey | None:
    """One key of the tenant."""
    return await tx.session.get(ApiKey, (tx.tenant_id, key_id), with_for_update=for_update or None)


async def working_keys_of(tx: Tx, user_id: UUID) -> Sequence[ApiKey]:
    """The keys of the tenant whose secret this person has seen and nobody has revoked, held until the transaction ends."""
    query = select(ApiKey).where(
        ApiKey.tenant_id == tx.tenant_id, seen_by(user_id), ApiKey.revoked_at.is_(None)
    )
    return (await tx.session.scalars(query.with_for_update())).all()


def seen_by(user_id: UUID) -> ColumnElement[bool]:
    """Keys whose secret was shown to this person: they made it, or were the last to give it a new one."""
    return or_(ApiKey.created_by == user_id, ApiKey.rotated_by == user_id)
