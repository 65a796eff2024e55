"""How a contact is handed out and erased, across every room that holds something of theirs.

Rooms above register a `Custodian`; this room asks each in turn and goes last itself.
"""

from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from callmissed.contacts import repository
from callmissed.contacts.models import ContactHandle
from callmissed.contacts.problems import ContactNotFound
from callmissed.contacts.service import card
from callmissed.foundation import audit
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.tenancy import Access


class Custodian(Protocol):
    """A room that holds data of contacts. `name` is the heading in the export."""

    name: str

    async def export(self, tx: Tx, contact_id: UUID) -> list[dict[str, Any]]:
        """Everything the room holds of this contact, readable."""
        ...

    async def erase(self, tx: Tx, contact_id: UUID) -> int:
        """Remove the contact's rows of this room; returns how many. Repeating it is harmless."""
        ...


_custodians: dict[str, Custodian] = {}


def register(custodian: Custodian) -> None:
    """Have this room asked whenever a contact is exported or erased."""
    _custodians[custodian.name] = custodian


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: rows removed per room, and the data keys destroyed."""

    rows: dict[str, int]
    keys: tuple[UUID, ...]


async def export_contact(tx: Tx, contact_id: UUID) -> dict[str, Any]:
    """Everything held of one contact (DPDP Act 2023 s. 11). Raises ContactNotFound."""
    known = await card(tx, contact_id)
    addresses = [
        {"kind": row.kind, "value": await tx.vault.open(ContactHandle.value, row.id, contact_id, row.value)}
        for row in await repository.handles(tx, contact_id)
    ]
    own = {
        "name": known.name,
        "language": known.language,
        "first_seen": known.first_seen,
        "addresses": addresses,
    }
    return {"contact": own, **{name: await each.export(tx, contact_id) for name, each in _custodians.items()}}


async def erase_contact(db: Database, access: Access, contact_id: UUID) -> Erased:
    """Erase one contact of this tenant (DPDP Act 2023 s. 12): destroy its keys, then remove its rows.

    The keys go first: from then on nothing is readable, in the heap, the log or a backup, whatever interrupts the rest.
    Repeating it finishes what was left. Raises ContactNotFound when the tenant has no such contact.
    """
    async with db.tenant(access) as tx:
        if await repository.contact(tx, contact_id) is None:
            raise ContactNotFound
    destroyed = await db.vault.erase_person(access.tenant_id, contact_id)
    async with db.tenant(access) as tx:
        rows = {name: await each.erase(tx, contact_id) for name, each in _custodians.items()}
        await repository.remove(tx, contact_id)
        body = {"keys": len(destroyed.key_ids), **rows}
        await audit.record(tx, "contacts:contact:erased", subject=contact_id, target=contact_id, body=body)
    return Erased(rows, destroyed.key_ids)
