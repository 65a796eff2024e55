"""Invitations: who comes in by one, who does not, and what is left of it."""

import asyncio
import secrets
from uuid import UUID

import pytest

from callmissed.foundation import clock
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import (
    ROLES,
    invitations,
    members,
    repository,
    workspaces,
)
from callmissed.identity.tasks import forget_invitation
from callmissed.identity.team_problems import (
    AlreadyInvited,
    AlreadyMember,
    InvitationExpired,
    InvitationForAnother,
    InvitationNotFound,
    InvitationUnknown,
    InvitationUsed,
    InvitationWithdrawn,
    SeatsTaken,
)
from tests.support.mailbox import newest_letter
from tests.support.people import (
    ASKING,
    accept,
    account_of,
    address,
    follow,
    invite,
    link_to,
    standing,
    teammate_of,
    workspace_of_someone,
)

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


# Coming in


async def test_whoever_proves_the_address_comes_in_and_sees_before_who_invites_to_what(
    services, owner
) -> None:
    email = address()
    await invite(services, owner, email, "developer")
    token, user_id = await link_to(services, email), await account_of(services, email)
    said = await follow(services, token, user_id)
    assert (said.workspace, said.role, said.invited_by) == ("Namuna Repairs", "developer", "Asha Namuna")
    await accept(services, token, user_id)
    assert (await standing(services, owner.tenant_id, user_id)).permissions == ROLES["developer"]
    async with services.db.control() as tx:
        assert [p.tenant_id for p in await workspaces.workspaces_of(tx, user_id)] == [owner.tenant_id]


async def test_a_stolen_link_opens_nothing_and_tells_nothing_to_another_address(services, owner) -> None:
    email, thief = address(), await account_of(services, address())
    await invite(services, owner, email, "admin")
    token = await link_to(services, email)
    for who in (thief, None):
        said = await follow(services, token, who)
        assert not said.is_for_you
        assert (said.role, said.invited_by) == ("", "")
        assert email not in said.hint
    with pytest.raises(InvitationForAnother):
        await accept(services, token, thief)
    async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
        assert await repository.membership(tx, thief) is None


async def test_an_invitation_works_once(services, owner) -> None:
    email = address()
    await invite(services, owner, email)
    token, user_id = await link_to(services, email), await account_of(services, email)
    await accept(services, token, user_id)
    with pytest.raises(InvitationUsed):
        await accept(services, token, user_id)
    async with services.db.tenant(owner) as tx:
        gone = await repository.membership(tx, user_id)
        assert gone
        await members.remove_member(tx, gone.id)
    with pytest.raises(InvitationUsed):
        await accept(services, token, user_id)


async def test_accepting_twice_at_the_same_time_is_accepting_once(services, owner) -> None:
    email = address()
    await invite(services, owner, email)
    token, user_id = await link_to(services, email), await account_of(services, email)
    done = await asyncio.gather(*(accept(services, token, user_id) for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["InvitationUsed"] * 3 + ["NoneType"]


async def test_it_ends_after_seven_days_and_can_be_sent_again(services, owner) -> None:
    email = address()
    invitation_id = await invite(services, owner, email)
    old, user_id = await link_to(services, email), await account_of(services, email)
    with clock.travel(days=7.01):
        with pytest.raises(InvitationExpired):
            await accept(services, old, user_id)
        async with services.db.tenant(owner) as tx:
            assert [card.has_expired for card in await invitations.list_invitations(tx)] == [True]
            await invitations.resend(tx, invitation_id, ASKING)
        new = await link_to(services, email)
        with pytest.raises(InvitationUnknown):
            await accept(services, old, user_id)
        await accept(services, new, user_id)


async def test_a_withdrawn_one_is_withdrawn(services, owner) -> None:
    email = address()
    invitation_id = await invite(services, owner, email)
    token, user_id = await link_to(services, email), await account_of(services, email)
    async with services.db.tenant(owner) as tx:
        await invitations.withdraw(tx, invitation_id)
    with pytest.raises(InvitationWithdrawn):
        await accept(services, token, user_id)
    async with services.db.tenant(owner) as tx:
        assert await invitations.list_invitations(tx) == []
        with pytest.raises(InvitationNotFound):
            await invitations.resend(tx, invitation_id, ASKING)


async def test_guessing_finds_nothing(services, owner) -> None:
    email = address()
    await invite(services, owner, email)
    token, user_id = await link_to(services, email), await account_of(services, email)
    near = [token[:-1] + ("A" if token[-1] != "A" else "B"), token.swapcase(), token[:20], "", "x" * 5000]
    for guess in near + [secrets.token_urlsafe(32) for _ in range(50)]:
        with pytest.raises(InvitationUnknown):
            await accept(services, guess, user_id)


async def test_the_link_is_kept_as_a_keyed_hash_only(services, owner) -> None:
    email = address()
    invitation_id = await invite(services, owner, email)
    token = await link_to(services, email)
    async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
        from callmissed.identity.repository.invitations import invitation

        row = await invitation(tx, invitation_id)
        assert row
        assert row.address
        assert token.encode() not in row.token_hash + row.address
        assert email.encode() not in row.address
        assert row.token_hash == tx.vault.keyed_hash("invitation", token)


async def test_what_is_settled_keeps_no_address_and_is_forgotten(services, owner) -> None:
    email = address()
    invitation_id = await invite(services, owner, email)
    async with services.db.tenant(owner) as tx:
        await invitations.withdraw(tx, invitation_id)
    await forget_invitation(services, str(owner.tenant_id), str(invitation_id))
    async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
        assert await tx.vault.key_ids(invitation_id, ["invitation"]) == []
    with clock.travel(days=14.1):
        await forget_invitation(services, str(owner.tenant_id), str(invitation_id))
        async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
            from callmissed.identity.repository.invitations import invitation

            assert await invitation(tx, invitation_id) is None


async def test_an_open_one_is_not_forgotten(services, owner) -> None:
    email = address()
    invitation_id = await invite(services, owner, email)
    await forget_invitation(services, str(owner.tenant_id), str(invitation_id))
    async with services.db.tenant(owner) as tx:
        assert [card.address for card in await invitations.list_invitations(tx)] == [email]


async def test_nobody_is_invited_twice_or_while_they_work_here(services, owner) -> None:
    email = address()
    await invite(services, owner, email)
    with pytest.raises(AlreadyInvited):
        await invite(services, owner, email.upper())
    there = address()
    await teammate_of(services, owner, "teammate", there)
    with pytest.raises(AlreadyMember):
        await invite(services, owner, there)


async def test_the_letter_is_written_in_its_language(services, owner) -> None:
    email = address()
    async with services.db.tenant(owner) as tx:
        await invitations.invite(tx, email, "teammate", invitations.Asking(None, "http://127.0.0.1", "hi"))
    assert "बुला" in (await newest_letter(services, email)).letter.subject


# Seats


async def test_open_invitations_take_seats_and_a_full_plan_says_so(services, owner) -> None:
    await invite(services, owner, address(), seats=2)
    with pytest.raises(SeatsTaken) as full:
        await invite(services, owner, address(), seats=2)
    assert full.value.details == {"seats": 2}


async def test_many_invitations_at_once_do_not_get_more_seats(services, owner) -> None:
    done = await asyncio.gather(
        *(invite(services, owner, address(), seats=3) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, UUID) for each in done) == 2
    assert sum(isinstance(each, SeatsTaken) for each in done) == 4


async def test_a_seat_that_is_gone_meanwhile_is_gone(services, owner) -> None:
    email = address()
    await invite(services, owner, email)
    token, user_id = await link_to(services, email), await account_of(services, email)
    with pytest.raises(SeatsTaken):
        await accept(services, token, user_id, seats=1)
    await accept(services, token, user_id, seats=2)
