"""The verbs of the room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmissed.contacts import repository
from callmissed.contacts.models import Contact, ContactHandle
from callmissed.contacts.problems import ContactNotFound
from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7

RETENTION_CLASS = "contact"
"""Names and addresses share one data key per contact; conversations have their own."""

VISITOR = "webchat"


@dataclass(frozen=True, slots=True)
class Card:
    """A contact as people see it. `name` is None for someone who gave none; `number` tells such people apart."""

    id: UUID
    name: str | None
    number: str
    language: str
    first_seen: datetime
    kinds: tuple[str, ...] = ()


async def meet(tx: Tx, kind: str, value: str, *, language: str, name: str | None = None) -> Contact:
    """The contact under this address; a new one when nobody was known under it."""
    index = tx.vault.blind_index(ContactHandle.value_index, value)
    known = await repository.handle_under(tx, kind, index)
    if known is not None:
        return await _existing(tx, known.contact_id)
    contact = Contact(tenant_id=tx.tenant_id, id=uuid7(), language=language)
    box = await tx.vault.person(contact.id, RETENTION_CLASS)
    if name:
        contact.display_name = box.seal(Contact.display_name, contact.id, name)
    tx.session.add(contact)
    await tx.session.flush()
    handle = ContactHandle(
        tenant_id=tx.tenant_id, id=uuid7(), contact_id=contact.id, kind=kind, value_index=index
    )
    handle.value = box.seal(ContactHandle.value, handle.id, value)
    tx.session.add(handle)
    await audit.record(tx, "contacts:contact:met", subject=contact.id, target=contact.id, body={"kind": kind})
    return contact


async def speak(tx: Tx, contact_id: UUID, language: str) -> None:
    """Remember the language a contact writes in (BCP 47). Raises ContactNotFound."""
    contact = await _existing(tx, contact_id)
    if contact.language != language:
        contact.language = language
        await audit.record(
            tx, "contacts:contact:language_changed", subject=contact_id, target=contact_id, body={}
        )


async def card(tx: Tx, contact_id: UUID) -> Card:
    """One contact with the kinds of addresses it has. Raises ContactNotFound."""
    contact = await _existing(tx, contact_id)
    kinds = tuple(handle.kind for handle in await repository.handles(tx, contact_id))
    return await _card(tx, contact, kinds)


async def cards(tx: Tx, contact_ids: Sequence[UUID]) -> dict[UUID, Card]:
    """Several contacts by id; ids that are not known are left out."""
    return {contact.id: await _card(tx, contact) for contact in await repository.contacts(tx, contact_ids)}


async def list_cards(tx: Tx, *, before: UUID | None, limit: int) -> list[Card]:
    """Contacts, the newest first; `before` is the id of the last one already seen."""
    return [await _card(tx, contact) for contact in await repository.newest(tx, before, limit)]


async def _card(tx: Tx, contact: Contact, kinds: tuple[str, ...] = ()) -> Card:
    name = None
    if contact.display_name is not None:
        name = await tx.vault.open(Contact.display_name, contact.id, contact.id, contact.display_name)
    number = f"{contact.id.int % 10_000:04d}"
    return Card(contact.id, name, number, contact.language, contact.first_seen, kinds)


async def _existing(tx: Tx, contact_id: UUID) -> Contact:
    contact = await repository.contact(tx, contact_id)
    if contact is None:
        raise ContactNotFound
    return contact
