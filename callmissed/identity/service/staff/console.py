"""What the console knows of tenants without looking into any: names and states, and where requests stand."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmissed.foundation import directory
from callmissed.foundation.database import Tx
from callmissed.identity.repository import staff as repository
from callmissed.identity.service.staff.access import ALL, FOUND


@dataclass(frozen=True, slots=True)
class TenantLine:
    """A tenant as the operator's list shows it."""

    id: UUID
    name: str
    state: str
    plan: str
    founded_at: datetime


async def tenants(tx: Tx) -> list[TenantLine]:
    """Every tenant, newest first."""
    return [
        TenantLine(row.id, row.name, row.state, row.plan, row.created_at)
        for row in await repository.tenants(tx)
    ]


async def asked_in(tx: Tx) -> dict[UUID, UUID]:
    """Each request that was ever made to the tenant it was made to, oldest first."""
    return {each.target_id: each.tenant_id for each in await directory.find_all(tx, FOUND, ALL)}
