"""The operator's staff: bound before anything works, and let in by the tenant alone."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from callmissed import bots
from callmissed.foundation import clock
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.problems import NotFound
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import accounts, staff
from callmissed.identity.problems import NameMissing
from callmissed.identity.roles import ROLES
from callmissed.identity.staff_problems import (
    AccessNotFound,
    AccessOver,
    AlreadyDecided,
    DurationUnusable,
    OwnRequest,
    ReasonTooShort,
    ScopeUnusable,
    SignatureDiffers,
    StaffNotFound,
    StaffRoleUnknown,
    UndertakingMissing,
    UndertakingReplaced,
)
from callmissed.identity.tasks import sweep
from tests.support.people import workspace_of_someone
from tests.support.staff import (
    REASON,
    approved,
    asked,
    inside,
    leaves,
    letters_to,
    look,
    look_once,
    staff_member,
)

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.fixture
async def support(services: Services) -> UUID:
    """Somebody from support who is bound."""
    return await staff_member(services, "support")


# Bound before anything works


def test_the_operators_permissions_and_a_tenants_are_two_worlds() -> None:
    theirs = frozenset().union(*(role.permissions for role in staff.STAFF_ROLES.values()))
    ours = frozenset().union(*ROLES.values())
    assert theirs & ours == set()
    assert all(each.startswith("operator.") for each in theirs)
    given = frozenset().union(*staff.SCOPES.values())
    assert given <= ours
    assert all(each.endswith(".read") for each in given), "staff only ever read"


async def test_a_role_works_from_the_signature_on(services, owner) -> None:
    person = await staff_member(services, "support", signed=False)
    with pytest.raises(UndertakingMissing):
        await asked(services, person, owner)
    async with services.db.control() as tx:
        for name, version, refused in (("Meera", 0, UndertakingReplaced), ("  ", 1, NameMissing)):
            with pytest.raises(refused):
                await staff.sign(tx, person, name, version, "en")
        signed = await staff.sign(tx, person, "Meera Namuna", 1, "hi")
        assert (await accounts.profile(tx, person)).full_name == "Meera Namuna"
        with pytest.raises(SignatureDiffers):
            await staff.sign(tx, person, "Mira Namuna", 1, "en")
        row = (
            await tx.session.execute(text("SELECT * FROM staff_undertaking WHERE id = :id"), {"id": signed})
        ).one()
    assert bytes(row.text_digest) == staff.texts()["hi"].digest != staff.texts()["en"].digest
    assert b"Meera" not in bytes(row.signed_name)
    [leaf] = [
        each
        for each in await leaves(services, PLATFORM, "identity:staff:undertaking_signed")
        if each.target_id == signed
    ]
    assert leaf.body["digest"] == bytes(row.digest).hex()
    assert await asked(services, person, owner)


async def test_nobody_can_take_a_signature_back(services, support) -> None:
    for statement in ("UPDATE staff_undertaking SET version = 9", "DELETE FROM staff_undertaking"):
        with pytest.raises(DBAPIError):
            async with services.db.control() as tx:
                await tx.session.execute(text(statement))


async def test_who_is_no_member_signs_nothing_and_a_role_must_exist(services, owner) -> None:
    async with services.db.control() as tx:
        with pytest.raises(NotFound):
            await staff.sign(tx, owner.actor.id, "Asha Namuna", 1, "en")
        with pytest.raises(StaffRoleUnknown):
            await staff.add(tx, "x@operator.example", "owner")
        with pytest.raises(StaffNotFound):
            await staff.remove(tx, "nobody@operator.example")


async def test_an_account_of_staff_that_has_not_signed_yet_is_not_swept_away(services) -> None:
    person = await staff_member(services, "auditor", signed=False)
    async with services.db.control() as tx:
        stranger = (await accounts.account_for(tx, f"p{uuid7().hex}@namuna.example", "en")).id
    with clock.travel(days=2):
        await sweep(services)
    async with services.db.control() as tx:
        assert (await accounts.profile(tx, person)).email
        with pytest.raises(NotFound):
            await accounts.profile(tx, stranger)


# Let in by the tenant


async def test_a_look_from_the_request_to_the_last_row(services, owner, support) -> None:
    access_id = await look_once(services, support, owner)
    assert await letters_to(services, owner.actor.id) == ["Our staff ask to look into Namuna Repairs"]
    async with services.db.tenant(owner) as tx:
        [card] = await staff.cards(tx)
        told = (await staff.story(tx, [access_id]))[access_id]
        [bot] = await bots.list_bots(tx)
    assert (card.state, card.scope, card.reads, card.reason) == ("open", "bots", 2, REASON)
    assert [step.action for step in told] == ["row_read", "page_opened", "access_approved", "access_asked"]
    assert {step.by for step in told} == {card.handle}
    assert told[0].details["table"] == "bot"
    assert told[0].details["row"] == str(bot.id)
    async with services.db.tenant(owner) as tx:
        await staff.end(tx, access_id)
    with pytest.raises(AccessOver):
        await look(services, support, access_id, owner)


@pytest.mark.parametrize(
    ("wishes", "refused"),
    [
        ({"minutes": 14}, DurationUnusable),
        ({"minutes": 481}, DurationUnusable),
        ({"scope": "keys"}, ScopeUnusable),
        ({"scope": "conversation"}, ScopeUnusable),
        ({"target_id": UUID(int=1)}, ScopeUnusable),
    ],
)
async def test_what_cannot_be_asked_for(services, owner, support, wishes, refused) -> None:
    with pytest.raises(refused):
        await asked(services, support, owner, **wishes)


async def test_a_short_reason_is_none_and_a_role_has_its_scopes(services, owner, support) -> None:
    async with inside(services, owner) as tx:
        with pytest.raises(ReasonTooShort):
            await staff.ask(tx, support, staff.Asked("bots", "because   I want    ", 30))
    finance = await staff_member(services, "finance")
    assert await asked(services, finance, owner, "billing")
    for role, scope in (
        ("finance", "bots"),
        ("auditor", "usage"),
        ("privacy", "bots"),
        ("grievance", "bots"),
    ):
        person = finance if role == "finance" else await staff_member(services, role)
        with pytest.raises(ScopeUnusable):
            await asked(services, person, owner, scope)


async def test_it_ends_by_the_clock_and_lapses_when_nobody_answers(services, owner, support) -> None:
    access_id = await approved(services, support, owner, minutes=15)
    with clock.travel(seconds=14 * 60):
        assert await look(services, support, access_id, owner)
    for passed in (15 * 60 + 1, 86400):
        with clock.travel(seconds=passed), pytest.raises(AccessOver):
            await look(services, support, access_id, owner)
    waiting = await asked(services, support, owner)
    with clock.travel(days=8):
        async with services.db.tenant(owner) as tx:
            with pytest.raises(AlreadyDecided):
                await staff.approve(tx, waiting)


async def test_nothing_is_decided_twice(services, owner, support) -> None:
    access_id = await asked(services, support, owner)
    with pytest.raises(AccessOver):
        await look(services, support, access_id, owner)
    async with services.db.tenant(owner) as tx:
        await staff.refuse(tx, access_id)
        for verb in (staff.approve, staff.refuse, staff.end):
            with pytest.raises(AlreadyDecided):
                await verb(tx, access_id)
        with pytest.raises(AccessNotFound):
            await staff.acknowledge(tx, access_id)
        with pytest.raises(AccessNotFound):
            await staff.approve(tx, uuid7())


async def test_who_asked_does_not_approve_even_as_the_owner(services, owner) -> None:
    async with services.db.control() as tx:
        address = (await accounts.profile(tx, owner.actor.id)).email
        person = await staff.add(tx, address, "support")
        await staff.sign(tx, person, "asha  namuna", 1, "en")
    assert person == owner.actor.id
    access_id = await asked(services, person, owner)
    for standing in (owner, Access.system(owner.tenant_id)):
        async with services.db.tenant(standing) as tx:
            with pytest.raises(OwnRequest):
                await staff.approve(tx, access_id)
    with pytest.raises(DBAPIError, match="two_persons"):
        async with inside(services, owner) as tx:
            await tx.session.execute(
                text("UPDATE staff_access SET decided_by = asked_by WHERE id = :id"), {"id": access_id}
            )


async def test_an_approval_is_for_one_person_and_one_tenant(services, owner, support) -> None:
    access_id = await approved(services, support, owner)
    other, neighbour = await staff_member(services, "support"), await workspace_of_someone(services)
    with pytest.raises(AccessNotFound):
        await look(services, other, access_id, owner)
    with pytest.raises(AccessNotFound):
        await look(services, support, access_id, neighbour)
    async with services.db.tenant(neighbour) as tx:
        assert await staff.cards(tx) == []
        with pytest.raises(AccessNotFound):
            await staff.end(tx, access_id)


async def test_who_has_left_sees_nothing_more(services, owner, support) -> None:
    access_id = await approved(services, support, owner)
    assert await look(services, support, access_id, owner)
    async with services.db.control() as tx:
        await staff.remove(tx, (await accounts.profile(tx, support)).email)
    with pytest.raises(NotFound):
        await look(services, support, access_id, owner)
