"""People with a workspace of their own, made through the front door."""

import re
from uuid import UUID

from sqlalchemy import text

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import invitations, onboarding, repository
from callmissed.identity.service.accounts import account_for, introduce
from callmissed.identity.service.standing import permissions_in
from tests.support.mailbox import newest_letter

NO_WELCOME = text(
    "DELETE FROM procrastinate_jobs WHERE task_name = 'billing.welcome' AND args->>'tenant_id' = :tenant"
)


async def workspace_of_someone(services: Services, email: str = "", *, welcomed: bool = True) -> Access:
    """A new person's standing as the owner of a new workspace; `welcomed=False` where every paisa is counted."""
    async with services.db.control() as tx:
        user = await account_for(tx, email or f"p{uuid7().hex}@namuna.example", "en")
    access = onboarding.new_tenant(user.id)
    async with services.db.tenant(access) as tx:
        await onboarding.found(
            tx, user.id, onboarding.Introduction("Asha Namuna", "Namuna Repairs", adult=True)
        )
        if not welcomed:  # in the same transaction, so that no worker of another test sees the job
            await tx.session.execute(NO_WELCOME, {"tenant": str(access.tenant_id)})
    return access


ASKING = invitations.Asking(seats=None, base_url="http://127.0.0.1", language="en")


async def account_of(services: Services, email: str) -> UUID:
    """The account of an address, with a name."""
    async with services.db.control() as tx:
        user = await account_for(tx, email, "en")
        await introduce(tx, user.id, f"Name of {email.partition('@')[0][:8]}", "", adult=True)
    return user.id


async def link_to(services: Services, address: str) -> str:
    """What stands in the link of the newest invitation to this address."""
    found = re.search(r"/app/invitation/([\w-]+)", (await newest_letter(services, address)).letter.text)
    assert found
    return found[1]


async def standing(services: Services, tenant_id: UUID, user_id: UUID) -> Access:
    """What this user may do there now, as a session would say it."""
    async with services.db.tenant(Access.system(tenant_id)) as tx:
        member = await repository.membership(tx, user_id)
        assert member
        return Access(tenant_id, Actor("user", user_id), await permissions_in(tx, member))


async def teammate_of(services: Services, owner: Access, role: str, email: str = "") -> Access:
    """Somebody new in the owner's workspace, who came in by an invitation."""
    email = email or f"t{uuid7().hex}@namuna.example"
    user_id = await account_of(services, email)
    async with services.db.tenant(owner) as tx:
        invitation_id = await invitations.invite(tx, email, role, ASKING)
    async with services.db.tenant(Access(owner.tenant_id, Actor("user", user_id))) as tx:
        await invitations.accept(tx, invitation_id, user_id, None)
    return await standing(services, owner.tenant_id, user_id)


async def member_id_of(services: Services, access: Access) -> UUID:
    """The membership of this person."""
    async with services.db.tenant(access) as tx:
        member = await repository.membership(tx, access.actor.id or uuid7())
        assert member
        return member.id


def address() -> str:
    return f"i{uuid7().hex}@namuna.example"


async def invite(services: Services, access: Access, email: str, role: str = "teammate", seats=None) -> UUID:
    asking = invitations.Asking(seats, "http://127.0.0.1", "en")
    async with services.db.tenant(access) as tx:
        return await invitations.invite(tx, email, role, asking)


async def follow(services: Services, token: str, user_id: UUID | None) -> invitations.Welcome:
    """Open the link."""
    async with services.db.control() as tx:
        entry = await invitations.find(tx, token)
    async with services.db.tenant(Access(entry.tenant_id, Actor("user", user_id))) as tx:
        return await invitations.look(tx, entry.target_id, user_id)


async def accept(services: Services, token: str, user_id: UUID, seats=None) -> None:
    """Follow the link and come in."""
    async with services.db.control() as tx:
        entry = await invitations.find(tx, token)
    async with services.db.tenant(Access(entry.tenant_id, Actor("user", user_id))) as tx:
        await invitations.accept(tx, entry.target_id, user_id, seats)
