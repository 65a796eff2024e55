"""Teams: coming in, roles, handing on, leaving; and everything somebody might try to get more than they have."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from callmissed.foundation import clock, directory
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Forbidden
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import (
    GIVABLE,
    ROLES,
    KeyRing,
    create_key,
    custom_roles,
    invitations,
    members,
    onboarding,
    ownership,
    repository,
    sessions,
    workspaces,
)
from callmissed.identity.problems import KeyRevoked
from callmissed.identity.team_problems import (
    AboveYou,
    InvitationNotFound,
    InvitationWithdrawn,
    MemberNotFound,
    MoreThanYours,
    OwnerStays,
    OwnRole,
    RoleInUse,
    RoleMayNothing,
    RoleNameMissing,
    RoleNotFound,
    RoleUnknown,
    TransferNotFound,
    TransferOpen,
    WorkspaceNotYours,
)
from tests.support.mailbox import newest_letter
from tests.support.people import (
    ASKING,
    accept,
    account_of,
    address,
    invite,
    link_to,
    member_id_of,
    standing,
    teammate_of,
    workspace_of_someone,
)

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


# More than one has


@pytest.mark.parametrize("role", ["owner", "root", "", "OWNER", "0199d0a0-0000-7000-8000-000000000000"])
async def test_nobody_is_invited_as_owner_or_as_what_there_is_not(services, owner, role) -> None:
    with pytest.raises(RoleUnknown):
        await invite(services, owner, address(), role)


async def with_role(services: Services, owner: Access, *permissions: str) -> Access:
    """Somebody with a role made of these."""
    async with services.db.tenant(owner) as tx:
        role_id = await custom_roles.make_role(tx, f"r{uuid7().hex[-12:]}", permissions)
    return await teammate_of(services, owner, str(role_id))


async def test_a_custom_role_allows_what_it_says(services, owner) -> None:
    someone = await with_role(services, owner, "team.read", "audit.read")
    assert someone.permissions == {"team.read", "audit.read"}


@pytest.mark.parametrize("more", ["tenant.write", "tenant.close", "owner.transfer", "*", "made.up"])
async def test_what_makes_an_owner_cannot_be_put_into_a_role_even_by_the_owner(services, owner, more) -> None:
    async with services.db.tenant(owner) as tx:
        with pytest.raises(MoreThanYours):
            await custom_roles.make_role(tx, "Nearly owner", ["team.read", more])


async def test_a_role_holds_only_what_its_maker_holds(services, owner) -> None:
    lead = await with_role(services, owner, "team.read", "team.write", "inbox.read")
    async with services.db.tenant(lead) as tx:
        with pytest.raises(MoreThanYours):
            await custom_roles.make_role(tx, "More", ["team.write", "billing.write"])
        made = await custom_roles.make_role(tx, "As much", ["team.write", "inbox.read"])
    async with services.db.tenant(lead) as tx:
        with pytest.raises(MoreThanYours):
            await custom_roles.change_role(tx, made, "As much", ["keys.write"])
        with pytest.raises(RoleMayNothing):
            await custom_roles.change_role(tx, made, "As much", [])


async def test_nobody_gives_more_than_they_have(services, owner) -> None:
    lead = await with_role(services, owner, "team.read", "team.write", "inbox.read")
    for role in ("admin", "developer", "teammate", "billing", "privacy"):
        with pytest.raises(MoreThanYours):
            await invite(services, lead, address(), role)
    below = await with_role(services, owner, "inbox.read")
    async with services.db.tenant(lead) as tx:
        with pytest.raises(MoreThanYours):
            await members.change_member_role(tx, await member_id_of(services, below), "admin")


async def test_nobody_acts_on_somebody_above_them(services, owner) -> None:
    lead = await with_role(services, owner, "team.read", "team.write", "inbox.read")
    admin = await teammate_of(services, owner, "admin")
    above = await member_id_of(services, admin)
    invitation_id = await invite(services, owner, address(), "admin")
    async with services.db.tenant(owner) as tx:
        strong = await custom_roles.make_role(tx, "Strong", ["billing.write"])
    async with services.db.tenant(lead) as tx:
        with pytest.raises(AboveYou):
            await members.remove_member(tx, above)
        with pytest.raises(AboveYou):
            await invitations.withdraw(tx, invitation_id)
        with pytest.raises(AboveYou):
            await invitations.resend(tx, invitation_id, ASKING)
        with pytest.raises(AboveYou):
            await custom_roles.change_role(tx, strong, "Weak", ["inbox.read"])
        with pytest.raises(AboveYou):
            await custom_roles.remove_role(tx, strong)


async def test_nobody_changes_their_own_role_or_the_owners(services, owner) -> None:
    admin = await teammate_of(services, owner, "admin")
    async with services.db.tenant(admin) as tx:
        with pytest.raises(OwnRole):
            await members.change_member_role(tx, await member_id_of(services, admin), "teammate")
        for act in (
            members.change_member_role(tx, await member_id_of(services, owner), "teammate"),
            members.remove_member(tx, await member_id_of(services, owner)),
        ):
            with pytest.raises(OwnerStays):
                await act
    async with services.db.tenant(owner) as tx:
        with pytest.raises(OwnerStays):
            await members.change_member_role(tx, await member_id_of(services, owner), "admin")


async def test_members_of_another_workspace_are_not_found(services, owner) -> None:
    other = await workspace_of_someone(services)
    theirs = await teammate_of(services, other, "teammate")
    foreign = await member_id_of(services, theirs)
    invitation_id = await invite(services, other, address())
    async with services.db.tenant(other) as tx:
        role_id = await custom_roles.make_role(tx, "Theirs", ["inbox.read"])
    async with services.db.tenant(owner) as tx:
        for act in (
            members.remove_member(tx, foreign),
            members.change_member_role(tx, foreign, "admin"),
            members.member_card(tx, foreign),
            ownership.offer_ownership(tx, foreign, "/"),
        ):
            with pytest.raises(MemberNotFound):
                await act
        with pytest.raises(InvitationNotFound):
            await invitations.withdraw(tx, invitation_id)
        with pytest.raises(RoleNotFound):
            await custom_roles.remove_role(tx, role_id)
    with pytest.raises(RoleUnknown):
        await invite(services, owner, address(), str(role_id))


# Roles


async def test_a_changed_role_holds_for_everybody_at_once_and_one_in_use_stays(services, owner) -> None:
    someone = await with_role(services, owner, "inbox.read")
    async with services.db.tenant(owner) as tx:
        role = next(each for each in await custom_roles.list_roles(tx) if each.made_here)
        role_id = UUID(role.value)
        with pytest.raises(RoleInUse):
            await custom_roles.remove_role(tx, role_id)
        await custom_roles.change_role(tx, role_id, "Reader", ["usage.read"])
    assert someone.actor.id
    assert (await standing(services, owner.tenant_id, someone.actor.id)).permissions == {"usage.read"}


@pytest.mark.parametrize("name", ["", " ", "x" * 41, "admin", "Owner"])
async def test_a_role_has_a_name_of_its_own(services, owner, name) -> None:
    async with services.db.tenant(owner) as tx:
        with pytest.raises(RoleNameMissing):
            await custom_roles.make_role(tx, name, ["inbox.read"])
        await custom_roles.make_role(tx, "Reader", ["inbox.read"])
        with pytest.raises(RoleNameMissing):
            await custom_roles.make_role(tx, "READER", ["inbox.read"])


def test_everything_but_the_owners_own_can_be_given() -> None:
    assert ROLES["owner"] - GIVABLE == {"tenant.write", "tenant.close", "owner.transfer"}
    assert all(role <= GIVABLE for name, role in ROLES.items() if name != "owner")


# Leaving


async def test_with_a_member_goes_everything_of_theirs(services, owner) -> None:
    admin = await teammate_of(services, owner, "admin")
    user_id = admin.actor.id
    assert user_id
    async with services.db.control() as tx:
        token = await sessions.open_session(tx, user_id, owner.tenant_id, "Firefox")
    async with services.db.tenant(admin) as tx:
        secret = (await create_key(tx, "theirs")).secret
    back_door = address()
    await invite(services, admin, back_door, "admin")
    link, friend = await link_to(services, back_door), await account_of(services, back_door)
    reader = services.get(sessions.SessionReader)
    assert await reader.access(Browser(reader.cookie, token))
    assert await services.get(KeyRing).resolve(secret)
    member_id = await member_id_of(services, admin)
    async with services.db.tenant(owner) as tx:
        assert await members.keys_that_end_with(tx, member_id) == 1
        left = await members.remove_member(tx, member_id)
    assert left == members.Left(sessions=1, keys=1, invitations=1)
    assert await reader.access(Browser(reader.cookie, token)) is None
    with pytest.raises(KeyRevoked):
        for _ in range(100):
            await services.get(KeyRing).resolve(secret)
            await asyncio.sleep(0.02)
    with pytest.raises(InvitationWithdrawn):
        await accept(services, link, friend)
    async with services.db.control() as tx:
        assert await workspaces.workspaces_of(tx, user_id) == []
        with pytest.raises(WorkspaceNotYours):
            await workspaces.go_to(tx, token, owner.tenant_id)


class Browser:
    """A connection that sends one cookie."""

    def __init__(self, name: str, value: str) -> None:
        self.cookies = {name: value}


async def test_a_lower_role_takes_back_what_it_could_not_have_sent(services, owner) -> None:
    admin = await teammate_of(services, owner, "admin")
    kept, gone = address(), address()
    await invite(services, admin, kept, "teammate")
    await invite(services, admin, gone, "admin")
    async with services.db.tenant(owner) as tx:
        await members.change_member_role(tx, await member_id_of(services, admin), "teammate")
        assert [card.address for card in await invitations.list_invitations(tx)] == [kept]


async def test_a_member_may_leave_and_the_owner_may_not(services, owner) -> None:
    mate = await teammate_of(services, owner, "teammate")
    async with services.db.tenant(mate) as tx:
        await members.remove_member(tx, await member_id_of(services, mate))
    async with services.db.tenant(owner) as tx:
        assert len(await members.list_members(tx)) == 1
        with pytest.raises(OwnerStays):
            await members.remove_member(tx, await member_id_of(services, owner))


# Handing on


async def test_the_workspace_is_handed_on_when_both_say_yes_and_both_are_told(services, owner) -> None:
    email = address()
    mate = await teammate_of(services, owner, "teammate", email)
    async with services.db.tenant(owner) as tx:
        await ownership.offer_ownership(tx, await member_id_of(services, mate), "http://127.0.0.1/app/team")
        with pytest.raises(TransferNotFound):
            await ownership.take_ownership(tx, "")
        with pytest.raises(TransferOpen):
            await ownership.offer_ownership(tx, await member_id_of(services, mate), "")
    assert "offers you" in (await newest_letter(services, email)).letter.text
    async with services.db.tenant(mate) as tx:
        offer = await ownership.pending_offer(tx)
        assert offer
        assert offer.is_to_caller
        await ownership.take_ownership(tx, "http://127.0.0.1/app/team")
    assert "You are the owner" in (await newest_letter(services, email)).letter.text
    assert mate.actor.id
    assert owner.actor.id
    assert (await standing(services, owner.tenant_id, mate.actor.id)).permissions == ROLES["owner"]
    assert (await standing(services, owner.tenant_id, owner.actor.id)).permissions == ROLES["admin"]


async def test_an_offer_ends_after_two_days(services, owner) -> None:
    mate = await teammate_of(services, owner, "teammate")
    async with services.db.tenant(owner) as tx:
        await ownership.offer_ownership(tx, await member_id_of(services, mate), "")
    with clock.travel(hours=48.1):
        async with services.db.tenant(mate) as tx:
            with pytest.raises(TransferNotFound):
                await ownership.take_ownership(tx, "")


async def test_only_the_owner_offers_and_only_the_one_it_is_for_takes(services, owner) -> None:
    admin, mate = await teammate_of(services, owner, "admin"), await teammate_of(services, owner, "teammate")
    mates = await member_id_of(services, mate)
    async with services.db.tenant(admin) as tx:
        with pytest.raises(Forbidden):
            await ownership.offer_ownership(tx, await member_id_of(services, admin), "")
    async with services.db.tenant(owner) as tx:
        await ownership.offer_ownership(tx, mates, "")
    async with services.db.tenant(admin) as tx:
        assert await ownership.pending_offer(tx) is None
        for act in (
            ownership.take_ownership(tx, ""),
            ownership.decline_offer(tx),
            ownership.withdraw_offer(tx),
        ):
            with pytest.raises(TransferNotFound):
                await act
    async with services.db.tenant(owner) as tx:
        await members.remove_member(tx, mates)
        assert await ownership.pending_offer(tx) is None


async def test_the_database_refuses_a_second_owner(services, owner) -> None:
    mate = await teammate_of(services, owner, "teammate")
    with pytest.raises(IntegrityError, match="uq_membership_owner"):
        async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
            row = await repository.membership(tx, mate.actor.id or uuid7())
            assert row
            row.role = "owner"


# Several workspaces


async def test_a_person_works_in_several_workspaces_and_goes_between_them(services, owner) -> None:
    user_id = owner.actor.id
    assert user_id
    second = onboarding.new_tenant(user_id)
    async with services.db.tenant(second) as tx:
        await workspaces.found_another(tx, user_id, "Dusri Dukan")
    async with services.db.control() as tx:
        token = await sessions.open_session(tx, user_id, owner.tenant_id, "Firefox")
    reader = services.get(sessions.SessionReader)
    for tenant_id in (second.tenant_id, owner.tenant_id):
        async with services.db.control() as tx:
            await workspaces.go_to(tx, token, tenant_id)
        access = await reader.access(Browser(reader.cookie, token))
        assert access
        assert access.tenant_id == tenant_id
    stranger = await workspace_of_someone(services)
    async with services.db.control() as tx:
        assert [p.name for p in await workspaces.workspaces_of(tx, user_id)] == [
            "Dusri Dukan",
            "Namuna Repairs",
        ]
        with pytest.raises(WorkspaceNotYours):
            await workspaces.go_to(tx, token, stranger.tenant_id)
        assert await directory.find(tx, sessions.WORKS_IN, str(user_id))
