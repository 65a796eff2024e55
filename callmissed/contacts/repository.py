"""All SQL of the room. Every query names the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, update

from callmissed.contacts.models import BarredContact, Contact, ContactHandle
from callmissed.foundation.database import Tx


async def contact(tx: Tx, contact_id: UUID) -> Contact | None:
    """One contact of this tenant, or None."""
    return await tx.session.get(Contact, (tx.tenant_id, contact_id))


async def contacts(tx: Tx, contact_ids: Sequence[UUID]) -> Sequence[Contact]:
    """Several contacts of this tenant, in no order."""
    query = select(Contact).where(Contact.tenant_id == tx.tenant_id, Contact.id.in_(contact_ids))
    return (await tx.session.scalars(query)).all()


async def newest(tx: Tx, before: UUID | None, limit: int) -> Sequence[Contact]:
    """Contacts of this tenant, newest first; `before` is the id of the last one already seen."""
    query = select(Contact).where(Contact.tenant_id == tx.tenant_id)
    if before is not None:
        query = query.where(Contact.id < before)
    return (await tx.session.scalars(query.order_by(Contact.id.desc()).limit(limit))).all()


async def handles(tx: Tx, contact_id: UUID) -> Sequence[ContactHandle]:
    """A contact's addresses, oldest first."""
    query = (
        select(ContactHandle)
        .where(ContactHandle.tenant_id == tx.tenant_id, ContactHandle.contact_id == contact_id)
        .order_by(ContactHandle.id)
    )
    return (await tx.session.scalars(query)).all()


async def handle_under(tx: Tx, kind: str, value_index: bytes) -> ContactHandle | None:
    """The address with this keyed hash, or None."""
    query = select(ContactHandle).where(
        ContactHandle.tenant_id == tx.tenant_id,
        ContactHandle.kind == kind,
        ContactHandle.value_index == value_index,
    )
    return await tx.session.scalar(query)


async def remove(tx: Tx, contact_id: UUID) -> None:
    """Remove a contact and its addresses."""
    for table, key in ((ContactHandle, ContactHandle.contact_id), (Contact, Contact.id)):
        await tx.session.execute(delete(table).where(table.tenant_id == tx.tenant_id, key == contact_id))


async def bar(tx: Tx, contact_id: UUID) -> None:
    """Hide a contact from the product. Whoever comes under one of its addresses from now on is somebody new."""
    query = update(ContactHandle).where(
        ContactHandle.tenant_id == tx.tenant_id, ContactHandle.contact_id == contact_id
    )
    await tx.session.execute(query.values(value_index=func.uuid_send(func.gen_random_uuid())))
    tx.session.add(BarredContact(tenant_id=tx.tenant_id, id=contact_id))
    await tx.session.flush()


async def unbar(tx: Tx, contact_id: UUID) -> None:
    """See a barred contact again, to erase it."""
    query = delete(BarredContact).where(
        BarredContact.tenant_id == tx.tenant_id, BarredContact.id == contact_id
    )
    await tx.session.execute(query)
