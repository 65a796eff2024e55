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
from callmissed.foundation import audit, directory, holds
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


BARRED, ALL = "barred_contact", "all"
"""Kind and look-up of the directory entries that lead to contacts whose erasure waits."""

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
    Repeating it finishes what was left. Where a legal hold freezes it, the product sees nothing of it from now on, and the
    rest follows by itself when the hold ends. Raises ContactNotFound when the tenant has no such contact.
    """
    async with db.tenant(access) as tx:
        if await repository.contact(tx, contact_id) is None:
            raise ContactNotFound
        if not await _frozen(tx, contact_id):
            return await _erase(tx, contact_id)
        await repository.bar(tx, contact_id)
        await directory.put(tx, BARRED, ALL, contact_id)
        async with (
            tx.operators_side() as ours
        ):  # not in the tenant's log: a hold may be one nobody is told of
            await audit.record(ours, "contacts:contact:erasure_held", target=contact_id, body={})
    return Erased({}, ())


async def erase_barred(db: Database) -> int:
    """Erase every contact whose erasure waited and waits no more; how many those were."""
    async with db.control() as tx:
        waiting = await directory.find_all(tx, BARRED, ALL)
    done = 0
    for each in waiting:
        async with db.tenant(Access.system(each.tenant_id, "erasure")) as tx:
            if await _frozen(tx, each.target_id):
                continue
            await repository.unbar(tx, each.target_id)
            await directory.drop(tx, BARRED, ALL, each.target_id)
            await _erase(tx, each.target_id)
            done += 1
    return done


async def _frozen(tx: Tx, contact_id: UUID) -> bool:
    return any(each.covers([tx.tenant_id], [contact_id]) for each in await holds.in_force(tx))


async def _erase(tx: Tx, contact_id: UUID) -> Erased:
    destroyed = await tx.vault.vault.erase_person(tx.tenant_id, contact_id)
    rows = {name: await each.erase(tx, contact_id) for name, each in _custodians.items()}
    await repository.remove(tx, contact_id)
    body = {"keys": len(destroyed.key_ids), **rows}
    await audit.record(tx, "contacts:contact:erased", subject=contact_id, target=contact_id, body=body)
    return Erased(rows, destroyed.key_ids)
