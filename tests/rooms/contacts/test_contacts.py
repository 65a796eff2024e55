"""Contacts: known again by their address, unknown to other tenants."""

import pytest

from callmissed import contacts
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import Access

pytestmark = pytest.mark.database


async def test_a_contact_is_known_again_by_address_and_sealed(services):
    access = Access.system(uuid7())
    async with services.db.tenant(access) as tx:
        first = await contacts.meet(tx, "phone", "+919000012345", language="hi", name="Farida S.")
        again = await contacts.meet(tx, "phone", "+919000012345", language="en")
        other = await contacts.meet(tx, "email", "+919000012345", language="en")
        card = await contacts.card(tx, first.id)
        raw = await (await tx.driver()).execute(
            "SELECT display_name FROM contact UNION ALL SELECT value FROM contact_handle"
        )
        stored = b"".join(row[0] or b"" for row in await raw.fetchall())
    assert first.id == again.id != other.id
    assert (card.name, card.language, card.kinds) == ("Farida S.", "hi", ("phone",))
    assert b"Farida" not in stored
    assert b"90000" not in stored


async def test_contacts_of_another_tenant_do_not_exist(services):
    async with services.db.tenant(Access.system(uuid7())) as tx:
        known = await contacts.meet(tx, contacts.VISITOR, "visitor-1", language="en")
    stranger = Access.system(uuid7())
    async with services.db.tenant(stranger) as tx:
        assert await contacts.cards(tx, [known.id]) == {}
        same_address = await contacts.meet(tx, contacts.VISITOR, "visitor-1", language="en")
    assert same_address.id != known.id
    for verb in (contacts.card, contacts.export_contact):
        with pytest.raises(contacts.ContactNotFound):
            async with services.db.tenant(stranger) as tx:
                await verb(tx, known.id)
    with pytest.raises(contacts.ContactNotFound):
        await contacts.erase_contact(services.db, stranger, known.id)
    async with services.db.tenant(stranger) as tx:
        with pytest.raises(contacts.ContactNotFound):
            await contacts.speak(tx, known.id, "hi")
