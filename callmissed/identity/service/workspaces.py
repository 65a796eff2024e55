"""Workspaces of a person: which there are, founding another, going from one to another, and their names."""

from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation import audit, directory
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.identity import repository
from callmissed.identity.models import Membership, Tenant
from callmissed.identity.problems import OrganisationMissing
from callmissed.identity.repository import team
from callmissed.identity.service import sessions
from callmissed.identity.service.keys import forget_keys
from callmissed.identity.service.onboarding import LONGEST_NAME, slug_of
from callmissed.identity.team_problems import TooManyWorkspaces, WorkspaceNotYours

MOST = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace as the switcher lists it."""

    tenant_id: UUID
    name: str


async def workspaces_of(tx: Tx, user_id: UUID) -> list[Place]:
    """Every open workspace this person works in, by name. Works in any transaction."""
    entries = await directory.find_all(tx, sessions.WORKS_IN, str(user_id))
    found = await team.tenants(tx, [entry.tenant_id for entry in entries])
    return sorted((Place(row.id, row.name) for row in found), key=lambda place: place.name.casefold())


async def found_another(tx: Tx, user_id: UUID, organisation: str) -> None:
    """Found this transaction's tenant as a further workspace of somebody who has introduced themselves.

    It begins without the welcome credit, which is for a person's first. Raises OrganisationMissing and TooManyWorkspaces.
    """
    await repository.account(tx, user_id, for_update=True)  # one at a time
    if len(await directory.find_all(tx, sessions.WORKS_IN, str(user_id))) >= MOST:
        raise TooManyWorkspaces
    name = _name(organisation)
    row = Tenant(id=tx.tenant_id, name=name, slug=slug_of(name), plan="starter", state="active")
    member = Membership(tenant_id=tx.tenant_id, id=uuid7(), user_id=user_id, role="owner")
    tx.session.add_all([row, member])
    await tx.session.flush()
    await directory.put(tx, sessions.WORKS_IN, str(user_id), member.id)
    await audit.record(tx, "identity:tenant:created", subject=user_id, target=row.id, body={"plan": row.plan})


async def put_on_plan(tx: Tx, plan: str) -> str:
    """Put this transaction's tenant on a plan; its keys are read anew everywhere. Returns its name. Raises WorkspaceNotYours."""
    row = await team.hold_tenant(tx)
    if row is None:
        raise WorkspaceNotYours
    if row.plan != plan:
        body = {"plan": plan, "before": row.plan}
        row.plan = plan
        await forget_keys(tx)
        await audit.record(tx, "identity:tenant:plan_changed", target=row.id, body=body)
    return row.name


async def go_to(tx: Tx, token: str, tenant_id: UUID) -> None:
    """Have the session with this token work in another workspace of its holder. Raises WorkspaceNotYours."""
    row = await repository.session_under(tx, tx.vault.keyed_hash(sessions.HASH, token))
    if row is None or row.revoked_at is not None:
        raise WorkspaceNotYours
    entries = await directory.find_all(tx, sessions.WORKS_IN, str(row.user_id))
    if tenant_id not in {entry.tenant_id for entry in entries}:
        raise WorkspaceNotYours
    row.tenant_id = tenant_id
    await audit.record(tx, "identity:session:moved", subject=row.user_id, target=row.id, body={})


async def rename(tx: Tx, organisation: str) -> None:
    """Call the workspace something else. Raises OrganisationMissing and WorkspaceNotYours."""
    row, name = await team.hold_tenant(tx), _name(organisation)
    if row is None:
        raise WorkspaceNotYours
    if row.name != name:
        row.name = name
        await audit.record(tx, "identity:tenant:renamed", target=row.id, body={})


def _name(typed: str) -> str:
    name = " ".join(typed.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise OrganisationMissing
    return name
