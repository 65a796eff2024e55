"""SQL of workspaces."""

from uuid import UUID

from sqlalchemy import select

from callmissed.foundation.database import Tx
from callmissed.identity.models import Membership, Tenant


async def tenant(tx: Tx, tenant_id: UUID) -> Tenant | None:
    """One tenant's own row."""
    return await tx.session.get(Tenant, tenant_id)


async def membership(tx: Tx, user_id: UUID) -> Membership | None:
    """What a user is in this tenant."""
    query = select(Membership).where(Membership.tenant_id == tx.tenant_id, Membership.user_id == user_id)
    return await tx.session.scalar(query)
