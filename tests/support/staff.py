"""The operator's staff for tests, and a tenant that lets them look, made through the front door."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import select

from callmissed import bots
from callmissed.foundation import mail
from callmissed.foundation.audit import AuditLeaf
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import accounts, sessions, staff

REASON = "The owner called: the bot answers with last year's prices."


async def staff_member(services: Services, role: str, *, signed: bool = True) -> UUID:
    """A new person on the staff; their role works when they have signed."""
    async with services.db.control() as tx:
        user_id = await staff.add(tx, f"s{uuid7().hex}@operator.example", role)
        if signed:
            await staff.sign(tx, user_id, "Meera Namuna", staff.text_in("en").version, "en")
    return user_id


async def session_of(services: Services, user_id: UUID, tenant_id: UUID | None = None) -> dict[str, str]:
    """A browser that has just signed in as this person: the header it sends."""
    async with services.db.control() as tx:
        token = await sessions.open_session(tx, user_id, tenant_id, "Firefox/140.0")
    return {"cookie": f"{sessions.cookie_name(production=False)}={token}"}


async def asked(services: Services, user_id: UUID, tenant: Access, scope: str = "bots", **wishes) -> UUID:
    """A request of this person of staff to the tenant."""
    wanted = staff.Asked(scope, REASON, **{"minutes": 30, **wishes})
    async with services.db.tenant(Access.system(tenant.tenant_id)) as tx:
        return await staff.ask(tx, user_id, wanted)


async def approved(services: Services, user_id: UUID, tenant: Access, scope: str = "bots", **wishes) -> UUID:
    """A request that the tenant's owner has approved."""
    access_id = await asked(services, user_id, tenant, scope, **wishes)
    async with services.db.tenant(tenant) as tx:
        await staff.approve(tx, access_id)
    return access_id


async def glass(services: Services, first: UUID, tenant: Access, scope: str = "bots", **wishes) -> UUID:
    """Glass that one person of staff has asked for."""
    wanted = staff.Asked(scope, REASON, 60, authority="Incident 7", **wishes)
    async with services.db.tenant(Access.system(tenant.tenant_id)) as tx:
        return await staff.begin(tx, first, wanted)


async def look(services: Services, user_id: UUID, access_id: UUID, tenant: Access) -> Access:
    """The standing of this person for one page."""
    async with services.db.tenant(Access.system(tenant.tenant_id)) as tx:
        return (await staff.look(tx, access_id, user_id, "/operator/look"))[0]


async def look_once(services: Services, user_id: UUID, tenant: Access) -> UUID:
    """An approved access, used once: a bot of the tenant was read."""
    async with services.db.tenant(tenant) as tx:
        await bots.create_bot(tx, name="Care", greeting="Hello")
    access_id = await approved(services, user_id, tenant)
    async with services.db.tenant(await look(services, user_id, access_id, tenant)) as tx:
        assert await bots.list_bots(tx)
    return access_id


@asynccontextmanager
async def inside(services: Services, tenant: Access) -> AsyncGenerator[Tx]:
    """A transaction of the system in this tenant."""
    async with services.db.tenant(Access.system(tenant.tenant_id)) as tx:
        yield tx


async def leaves(services: Services, tenant_id: UUID, action: str) -> list[AuditLeaf]:
    """The leaves of this tenant with this action, oldest first."""
    async with services.db.tenant(Access.system(tenant_id)) as tx:
        query = select(AuditLeaf).where(AuditLeaf.tenant_id == tenant_id, AuditLeaf.action == action)
        return list((await tx.session.scalars(query.order_by(AuditLeaf.id))).all())


async def letters_to(services: Services, user_id: UUID) -> list[str]:
    """The subjects of what was written to this person, newest first."""
    async with services.db.control() as tx:
        address = (await accounts.profile(tx, user_id)).email
        return [each.letter.subject for each in await mail.kept_letters(tx) if each.recipient == address]
