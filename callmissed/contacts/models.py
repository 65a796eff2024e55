"""Tables of the room: the tenants' own customers, and the addresses they are reached under."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation import clock
from callmissed.foundation.datamap import (
    Category,
    Keep,
    Sealed,
    TenantTable,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)

KEPT = Keep(until="the tenant erases the contact, or itself", promise="keep.active")

BARRED = """
CREATE POLICY barred ON {0} AS RESTRICTIVE TO cm_app, cm_worker USING ({1} NOT IN (
  SELECT b.id FROM public.barred_contact b WHERE NOT EXISTS (
    SELECT FROM public.closed_tenant c WHERE c.tenant_id = b.tenant_id AND c.erasing_at IS NOT NULL))) WITH CHECK (true)
"""
"""Hides the rows of barred contacts from the whole product, until their tenant is erased."""


def barred(table: str, contact: str = "contact_id") -> str:
    """What a table that names a contact needs besides, so that no query of the product finds one whose erasure waits."""
    return BARRED.format(table, contact)


class BarredContact(TenantTable):
    """That the erasure of a contact waits, because a legal hold freezes their data. Its id is the contact's."""

    __tablename__ = "barred_contact"
    __keep__ = KEPT


class Contact(TenantTable):
    """A customer of a tenant: someone who wrote or called. Their data is sealed under their own key."""

    __tablename__ = "contact"
    __keep__ = KEPT
    __sql__ = (barred("contact", "id"),)

    display_name: Mapped[bytes | None] = column(
        personal(Category.CONTACT_POINT, Whose.CONTACT, "the name they gave", person="id"),
        Sealed(),
        nullable=True,
    )
    language: Mapped[str] = column(
        metadata_of(Whose.CONTACT, "the language they write in", ("service",)), String(16)
    )
    first_seen: Mapped[datetime] = column(
        metadata_of(Whose.CONTACT, "when they first wrote or called", ("service",)), default=clock.now
    )


class ContactHandle(TenantTable):
    """An address of a contact: the random id of a web visitor, a phone number, an e-mail address, a WhatsApp id."""

    __tablename__ = "contact_handle"
    __keep__ = KEPT
    __sql__ = (barred("contact_handle"),)
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "contact_id"], ["contact.tenant_id", "contact.id"]),
        UniqueConstraint("tenant_id", "kind", "value_index"),
        Index("ix_contact_handle_contact", "tenant_id", "contact_id"),
    )

    contact_id: Mapped[UUID] = column(pseudonym(Whose.CONTACT, "whose address it is"))
    kind: Mapped[str] = column(nothing("webchat, phone, email or whatsapp"), String(16))
    value: Mapped[bytes] = column(
        personal(Category.CONTACT_POINT, Whose.CONTACT, "the address itself", person="contact_id"), Sealed()
    )
    value_index: Mapped[bytes] = column(
        pseudonym(Whose.CONTACT, "keyed hash to find the address by, truncated"), LargeBinary
    )
