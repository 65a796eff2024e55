"""Service accounts: named members that are no persons, so that keys outlive whoever made them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.identity.key_problems import (
    ServiceAccountNameMissing,
    ServiceAccountNameTaken,
    ServiceAccountNotFound,
    TooManyServiceAccounts,
)
from callmissed.identity.models import ServiceAccount
from callmissed.identity.repository import key_owners
from callmissed.identity.repository import service_accounts as accounts
from callmissed.identity.service.keys import LONGEST_NAME, stop_keys

MOST = 50


@dataclass(frozen=True, slots=True)
class ServiceAccountCard:
    """A service account as lists show it, with how many of its keys were not revoked."""

    id: UUID
    name: str
    created_at: datetime
    keys: int


async def create_service_account(tx: Tx, name: str) -> ServiceAccountCard:
    """Open a service account. Raises ServiceAccountNameMissing, ServiceAccountNameTaken and TooManyServiceAccounts."""
    plain = " ".join(name.split())
    if not 0 < len(plain) <= LONGEST_NAME:
        raise ServiceAccountNameMissing
    there = await accounts.service_accounts(tx)
    if len(there) >= MOST:
        raise TooManyServiceAccounts
    row = ServiceAccount(tenant_id=tx.tenant_id, id=uuid7(), name=plain, created_at=clock.now())
    row.created_by = tx.access.actor.id if tx.access else None
    try:
        async with tx.session.begin_nested():
            tx.session.add(row)
            await tx.session.flush()
    except IntegrityError:
        raise ServiceAccountNameTaken from None
    await audit.record(tx, "identity:service_account:created", target=row.id, body={})
    return ServiceAccountCard(row.id, row.name, row.created_at, 0)


async def list_service_accounts(tx: Tx) -> list[ServiceAccountCard]:
    """The workspace's open service accounts, by name."""
    counts = await key_owners.count_by_service_account(tx)
    return [
        ServiceAccountCard(row.id, row.name, row.created_at, counts.get(row.id, 0))
        for row in await accounts.service_accounts(tx)
    ]


async def close_service_account(tx: Tx, account_id: UUID) -> int:
    """Close a service account and stop all its keys. Returns how many those were. Raises ServiceAccountNotFound."""
    row = await accounts.service_account(tx, account_id, for_update=True)
    if row is None:
        raise ServiceAccountNotFound
    rows = await key_owners.keys_of(tx, service_account_id=row.id)
    await stop_keys(tx, rows)
    row.closed_at = clock.now()
    await audit.record(tx, "identity:service_account:closed", target=row.id, body={"keys": len(rows)})
    return len(rows)
