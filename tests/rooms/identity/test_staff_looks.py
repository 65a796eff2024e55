"""What staff read is read only, under an approval or broken glass, and stands row by row in the tenant's log."""

from uuid import UUID

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from callmissed import bots, contacts, conversations
from callmissed.app.installation import Installation
from callmissed.foundation import audit, clock, directory
from callmissed.foundation.datamap import Row
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.problems import Forbidden, NotFound
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import accounts, staff
from callmissed.identity.models.staff import StaffMember
from callmissed.identity.staff_problems import (
    AccessOver,
    AlreadyDecided,
    AuthorityMissing,
    NobodyToAlarm,
    SecondPersonNeeded,
    UndertakingMissing,
)
from tests.support.people import workspace_of_someone
from tests.support.staff import (
    REASON,
    approved,
    asked,
    glass,
    inside,
    leaves,
    letters_to,
    look,
    staff_member,
)

pytestmark = pytest.mark.database

LINK = "http://127.0.0.1/app/staff-access"


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.fixture
async def support(services: Services) -> UUID:
    """Somebody from support who is bound."""
    return await staff_member(services, "support")


# Reading, and nothing else


async def test_a_look_cannot_write(services, owner, support) -> None:
    access_id = await approved(services, support, owner)
    standing = await look(services, support, access_id, owner)
    with pytest.raises(DBAPIError, match="read-only"):
        async with services.db.tenant(standing) as tx:
            await bots.create_bot(tx, name="Planted", greeting="Hello")
    with pytest.raises(DBAPIError, match="read-only"):
        async with services.db.tenant(standing) as tx:
            await tx.session.execute(text("UPDATE staff_access SET minutes = 480"))
    async with services.db.tenant(owner) as tx:
        assert await bots.list_bots(tx) == []


async def test_staff_without_an_approval_open_no_tenant(services, owner, support) -> None:
    for permissions in (frozenset({"*"}), frozenset({"bots.read"})):
        with pytest.raises(Forbidden):
            async with services.db.tenant(Access(owner.tenant_id, Actor("staff", support), permissions)):
                pytest.fail("it opened")
    made_up = Access(owner.tenant_id, Actor("staff", support), frozenset({"*"}), approval=uuid7())
    with pytest.raises(Forbidden):
        async with services.db.tenant(made_up) as tx:
            await bots.list_bots(tx)


async def test_what_cannot_be_written_down_is_not_shown(services, owner, support) -> None:
    standing = await look(services, support, await approved(services, support, owner), owner)
    witness = services.db.witness
    services.db.witness = None
    try:
        with pytest.raises(Forbidden):
            async with services.db.tenant(standing):
                pytest.fail("it opened")
    finally:
        services.db.witness = witness


async def test_each_row_of_a_conversation_is_in_the_log_and_a_person_only_as_a_commitment(
    services, owner, support
) -> None:
    async with services.db.tenant(owner) as tx:
        bot = await bots.create_bot(tx, name="Care", greeting="Hello")
        contact_id = (await contacts.meet(tx, contacts.VISITOR, "somebody", language="en")).id
        held = await conversations.open_conversation(tx, contact_id, channel="web", bot_id=bot.id)
        conversation_id = held.id
        for n in range(3):
            draft = conversations.Draft(conversations.Author.CONTACT, f"Namaste {n}", f"ref-{n}-0001")
            await conversations.add_message(tx, conversation_id, draft)
    access_id = await approved(services, support, owner, "conversation", target_id=conversation_id)
    standing = await look(services, support, access_id, owner)
    assert standing.permissions == {"inbox.read"}
    async with services.db.tenant(standing) as tx:
        thread = await conversations.thread(tx, conversation_id)
        await contacts.card(tx, contact_id)
    read = [
        each
        for each in await leaves(services, owner.tenant_id, "identity:staff:row_read")
        if each.target_id == access_id
    ]
    rows = {(each.body["table"], each.body.get("row")) for each in read}
    assert ("conversation", str(conversation_id)) in rows
    assert {("message", str(each.id)) for each in thread.messages} <= rows
    [person] = [each for each in read if each.body["table"] == "contact"]
    assert "row" not in person.body
    assert person.subject
    assert str(contact_id) not in str([each.body for each in read])
    async with services.db.tenant(owner) as tx:
        assert person.id in {each.id for each in await audit.leaves_about(tx, contact_id)}
    assert all((each.actor_kind, each.actor_id) == ("staff", support) for each in read)


async def test_plain_statements_are_seen_as_well(services, owner, support) -> None:
    access_id = await approved(services, support, owner, "usage")
    standing, row_id = await look(services, support, access_id, owner), uuid7()
    async with services.db.tenant(standing) as tx:
        await tx.session.execute(text("SELECT count(*) FROM usage_record"))
        await tx.session.execute(select(func.count()).select_from(Row.metadata.tables["bot"]))
        tx.shown("usage_record", [row_id])
    read = [each.body for each in await leaves(services, owner.tenant_id, "identity:staff:row_read")]
    assert {(each["table"], each.get("row")) for each in read} == {
        ("usage_record", str(row_id)),
        ("bot", None),
    }


# The glass


async def team(services: Services) -> tuple[UUID, UUID]:
    """Somebody from security, and the privacy officer."""
    return await staff_member(services, "security"), await staff_member(services, "privacy")


async def open_glass(services: Services, access_id: UUID, second: UUID, tenant: Access) -> None:
    async with inside(services, tenant) as tx:
        await staff.second(tx, access_id, second, LINK)


async def test_two_people_break_the_glass_and_everybody_hears_it(services, owner) -> None:
    security, privacy = await team(services)
    access_id = await glass(services, security, owner)
    with pytest.raises(AccessOver):
        await look(services, security, access_id, owner)
    await open_glass(services, access_id, privacy, owner)
    for person, subject in (
        (owner.actor.id, "Our staff have opened Namuna Repairs without asking you"),
        (security, "The glass of Namuna Repairs is broken"),
        (privacy, "The glass of Namuna Repairs is broken"),
    ):
        assert await letters_to(services, person) == [subject]
    for tenant_id in (owner.tenant_id, PLATFORM):
        found = await leaves(services, tenant_id, "identity:staff:glass_opened")
        assert next(each.body["letters"] for each in found if each.target_id == access_id) >= 3
    standing = await look(services, privacy, access_id, owner)
    assert standing.purpose == "break-glass"
    async with services.db.tenant(standing) as tx:
        await bots.list_bots(tx)
    with clock.travel(seconds=3601), pytest.raises(AccessOver):
        await look(services, security, access_id, owner)
    async with services.db.tenant(owner) as tx:
        assert [each.id for each in await staff.broken_glass(tx)] == [access_id]
        await staff.acknowledge(tx, access_id)
        await staff.acknowledge(tx, access_id)
        assert await staff.broken_glass(tx) == []
        await staff.end(tx, access_id)
    assert len(await leaves(services, owner.tenant_id, "identity:staff:glass_acknowledged")) == 1


async def test_one_person_is_not_two(services, owner, support) -> None:
    security, _ = await team(services)
    access_id = await glass(services, security, owner)
    with pytest.raises(SecondPersonNeeded):
        await open_glass(services, access_id, security, owner)
    auditor = await staff_member(services, "auditor")
    with pytest.raises(SecondPersonNeeded):
        await open_glass(services, access_id, auditor, owner)
    with pytest.raises(UndertakingMissing):
        await open_glass(services, access_id, await staff_member(services, "support", signed=False), owner)
    with pytest.raises(Forbidden):
        await glass(services, support, owner)
    async with inside(services, owner) as tx:
        with pytest.raises(AuthorityMissing):
            await staff.begin(tx, security, staff.Asked("bots", REASON, 30))
    async with services.db.tenant(owner) as tx:
        with pytest.raises(AlreadyDecided):
            await staff.approve(tx, access_id)
    await open_glass(services, access_id, support, owner)
    with pytest.raises(AlreadyDecided):
        await open_glass(services, access_id, support, owner)


async def test_the_first_person_must_still_be_there(services, owner, support) -> None:
    security, _ = await team(services)
    access_id = await glass(services, security, owner)
    async with services.db.control() as tx:
        address = (await accounts.profile(tx, security)).email
        await staff.add(tx, address, "support")
    with pytest.raises(SecondPersonNeeded):
        await open_glass(services, access_id, support, owner)
    async with services.db.control() as tx:
        await staff.remove(tx, address)
    with pytest.raises(NotFound):
        await open_glass(services, access_id, support, owner)


async def closed_still(services: Services, access_id: UUID, tenant: Access) -> bool:
    """Whether nothing of an attempt is left: no opening, no leaf."""
    async with services.db.tenant(tenant) as tx:
        [card] = [each for each in await staff.cards(tx) if each.id == access_id]
    opened = await leaves(services, tenant.tenant_id, "identity:staff:glass_opened")
    return card.state == "waiting" and not [each for each in opened if each.target_id == access_id]


async def test_it_does_not_open_where_the_alarm_reaches_nobody(services, owner, support) -> None:
    security, _ = await team(services)
    access_id = await glass(services, security, owner)
    with pytest.raises(NobodyToAlarm):
        async with inside(services, owner) as tx:
            officers = select(StaffMember).where(StaffMember.role == "privacy")
            for officer in await tx.session.scalars(officers):
                officer.removed_at = clock.now()
            await staff.second(tx, access_id, support, LINK)
    assert await closed_still(services, access_id, owner)


async def test_it_does_not_open_where_the_letters_cannot_be_queued(
    services, owner, support, installation: Installation
) -> None:
    security, _ = await team(services)
    access_id = await glass(services, security, owner)
    dsn = installation.data.dsn(ADMIN, DATABASE).psycopg
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as admin:
        await admin.execute("REVOKE INSERT ON mail_message FROM cm_app")
        try:
            with pytest.raises(DBAPIError):
                await open_glass(services, access_id, support, owner)
        finally:
            await admin.execute("GRANT INSERT ON mail_message TO cm_app")
    assert await closed_still(services, access_id, owner)


async def test_the_console_finds_every_request_with_its_tenant(services, owner, support) -> None:
    access_id = await asked(services, support, owner)
    async with services.db.control() as tx:
        assert (await staff.asked_in(tx))[access_id] == owner.tenant_id
        assert owner.tenant_id in {each.id for each in await staff.tenants(tx)}
        assert support in {each.user_id for each in await staff.people(tx) if each.is_bound}
        assert await directory.find(tx, "staff_access", str(access_id)) is None
