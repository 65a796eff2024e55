"""Founding a workspace: an organisation, its first member, and the news of it."""

import re
import secrets
import unicodedata
from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation import audit, directory, events
from callmissed.foundation.database import Tx
from callmissed.foundation.events import Event
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import repository
from callmissed.identity.models import Membership, Tenant
from callmissed.identity.problems import AlreadyFounded, OrganisationMissing
from callmissed.identity.repository import team
from callmissed.identity.roles import permissions_of
from callmissed.identity.service import sessions
from callmissed.identity.service.accounts import introduce

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class TenantCreated(Event):
    """A workspace was founded. Billing welcomes it with a credit."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A tenant as its pages show it; `role` is the caller's, None when the caller is no user of it, and `role_name`
    what the workspace calls a role that it made.
    """

    tenant_id: UUID
    name: str
    slug: str
    plan: str
    role: str | None
    role_name: str = ""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a new account holder tells us: everything we ask, and all of it shown to them (Policy §1)."""

    name: str
    organisation: str
    phone: str = ""
    adult: bool = False


def new_tenant(user_id: UUID) -> Access:
    """The standing of a founder in a tenant that does not exist yet: open the transaction of `found` with it."""
    return Access(uuid7(), Actor("user", user_id), permissions_of("owner"))


async def found(tx: Tx, user_id: UUID, told: Introduction) -> Workspace:
    """Found this transaction's tenant with the user as its owner, and move their sessions without a workspace into it.

    Raises NameMissing, OrganisationMissing, PhoneUnusable, AdultsOnly, and AlreadyFounded.
    """
    await introduce(tx, user_id, told.name, told.phone, adult=told.adult)  # holds the account: one at a time
    if await directory.find(tx, sessions.WORKS_IN, str(user_id)) is not None:
        raise AlreadyFounded
    name = " ".join(told.organisation.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise OrganisationMissing
    row = Tenant(id=tx.tenant_id, name=name, slug=slug_of(name), plan="starter", state="active")
    member = Membership(tenant_id=tx.tenant_id, id=uuid7(), user_id=user_id, role="owner")
    tx.session.add_all([row, member])
    await tx.session.flush()
    await directory.put(tx, sessions.WORKS_IN, str(user_id), member.id)
    await repository.enter_workspace(tx, user_id)
    await audit.record(tx, "identity:tenant:created", subject=user_id, target=row.id, body={"plan": row.plan})
    await events.publish(tx, TenantCreated(row.id))
    return Workspace(row.id, row.name, row.slug, row.plan, member.role)


async def workspace(tx: Tx) -> Workspace:
    """The tenant of this transaction. Raises NotFound."""
    row = await repository.tenant(tx, tx.tenant_id)
    if row is None:
        raise NotFound
    caller = tx.access.actor if tx.access else None
    member = (
        await repository.membership(tx, caller.id) if caller and caller.kind == "user" and caller.id else None
    )
    made = await team.custom_role(tx, member.role_id) if member and member.role_id else None
    role = member.role if member else None
    return Workspace(row.id, row.name, row.slug, row.plan, role, made.name if made else "")


def slug_of(name: str) -> str:
    """A short name for addresses: what of the name is plain Latin, and four random characters so that it is free."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "workspace"
    return f"{words}-{secrets.token_hex(3)}"
