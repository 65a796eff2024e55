"""The directory: which tenant something belongs to, for the few questions asked before a tenant is known.

A hash of an API key, the public id of a widget, the memberships of a user. It is the only place where uniqueness
reaches across tenants, and it holds hashes and random ids only.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import String, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped

from callmissed.foundation.database import Tx
from callmissed.foundation.datamap import Keep, Row, Whose, column, nothing, pseudonym


class DirectoryEntry(Row):
    """One look-up: under this kind and value, that thing of that tenant."""

    __tablename__ = "directory_entry"
    __keep__ = Keep(until="its target is erased", promise="keep.active")

    kind: Mapped[str] = column(nothing("what is looked up"), String(40), primary_key=True)
    lookup: Mapped[str] = column(
        pseudonym(Whose.USER, "a keyed hash or a random id"), String(100), primary_key=True
    )
    tenant_id: Mapped[UUID] = column(nothing("the tenant found"), primary_key=True)
    target_id: Mapped[UUID] = column(nothing("the thing found"), primary_key=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory answers: a tenant, and the id of the thing inside it."""

    tenant_id: UUID
    target_id: UUID


async def put(tx: Tx, kind: str, lookup: str, target_id: UUID) -> None:
    """Enter a thing of this transaction's tenant. Repeating it changes nothing."""
    row = {"kind": kind, "lookup": lookup, "tenant_id": tx.tenant_id, "target_id": target_id}
    await tx.session.execute(insert(DirectoryEntry).values(row).on_conflict_do_nothing())


async def drop(tx: Tx, kind: str, lookup: str, target_id: UUID | None = None) -> None:
    """Remove an entry of this transaction's tenant, or only the one that points to `target_id`."""
    query = delete(DirectoryEntry).where(
        DirectoryEntry.kind == kind, DirectoryEntry.lookup == lookup, DirectoryEntry.tenant_id == tx.tenant_id
    )
    if target_id is not None:
        query = query.where(DirectoryEntry.target_id == target_id)
    await tx.session.execute(query)


async def forget(tx: Tx) -> int:
    """Remove every entry of this transaction's tenant; how many there were."""
    query = delete(DirectoryEntry).where(DirectoryEntry.tenant_id == tx.tenant_id)
    return len((await tx.session.execute(query.returning(DirectoryEntry.target_id))).all())


async def all_of(tx: Tx, kind: str) -> list[Entry]:
    """Everything of a kind, oldest first: for work that goes over all of it."""
    query = select(DirectoryEntry.tenant_id, DirectoryEntry.target_id).where(DirectoryEntry.kind == kind)
    found = await tx.session.execute(query.order_by(DirectoryEntry.target_id))
    return [Entry(row.tenant_id, row.target_id) for row in found.all()]


async def find(tx: Tx, kind: str, lookup: str) -> Entry | None:
    """The one thing under this value, or None. The oldest where several stand."""
    found = await find_all(tx, kind, lookup)
    return found[0] if found else None


async def find_all(tx: Tx, kind: str, lookup: str) -> list[Entry]:
    """Everything under this value, oldest first (ids sort by time)."""
    query = (
        select(DirectoryEntry.tenant_id, DirectoryEntry.target_id)
        .where(DirectoryEntry.kind == kind, DirectoryEntry.lookup == lookup)
        .order_by(DirectoryEntry.target_id)
    )
    return [Entry(row.tenant_id, row.target_id) for row in (await tx.session.execute(query)).all()]
