"""The operator's console: its access rules, which know nothing of a tenant's permissions, and the frame around its pages."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.foundation.database import Database, Tx
from callmissed.foundation.http import AccessRule, services
from callmissed.foundation.pages import render
from callmissed.foundation.problems import NotFound
from callmissed.foundation.tenancy import Access
from callmissed.identity import sessions, staff

SIGNED, UNSIGNED = True, False


@dataclass(frozen=True, slots=True)
class Desk:
    """What the frame shows: who is at work, in which role, and what that role may."""

    person: staff.Staff
    permissions: frozenset[str]


def staff_permits(permission: str) -> AccessRule:
    """People of the operator's staff whose role has this permission, who are bound and have signed in lately.

    Everybody else learns nothing: 404, as for an address that does not exist.
    """
    return AccessRule(f"staff permits {permission}", permission=permission, resolve=_standing)


def on_the_staff() -> AccessRule:
    """People of the operator's staff, bound or not: for the undertaking alone."""
    return AccessRule("on the staff", resolve=_before_signing)


def looking() -> AccessRule:
    """The person of staff who was let into a tenant, as long as that lasts. The page stands in the tenant's log first."""
    return AccessRule("staff looks under an approval", resolve=_looking)


async def _standing(request: Request) -> Access | None:
    return await _who(request, SIGNED)


async def _before_signing(request: Request) -> Access | None:
    return await _who(request, UNSIGNED)


async def _who(request: Request, signed: bool) -> Access | None:
    held = services(request)
    found = await held.get(sessions.SessionReader).who(request)
    if found is None or found.state != "open":  # locked or closed: not here either
        return None
    async with held.db.control() as tx:
        return await staff.standing(tx, found.session_id, signed=signed)


async def _looking(request: Request) -> Access | None:
    standing = await _who(request, SIGNED)
    if standing is None or standing.actor.id is None:
        return None
    db, access_id = services(request).db, as_id(request.path_params["access_id"])
    tenant_id = await tenant_of(db, access_id)
    async with db.tenant(Access.system(tenant_id)) as tx:
        access, request.state.card = await staff.look(tx, access_id, standing.actor.id, request.url.path)
    return access


def as_id(text: str) -> UUID:
    """An id in an address. Raises NotFound."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


async def tenant_of(db: Database, access_id: UUID) -> UUID:
    """The tenant that was asked by this request. Raises NotFound."""
    async with db.control() as tx:
        found = (await staff.asked_in(tx)).get(access_id)
    if found is None:
        raise NotFound
    return found


async def requests_everywhere(db: Database) -> list[staff.Card]:
    """The requests to every tenant, newest first: each tenant's read in a transaction of that tenant."""
    async with db.control() as tx:
        tenants = set((await staff.asked_in(tx)).values())
    found: list[staff.Card] = []
    for tenant_id in tenants:
        async with db.tenant(Access.system(tenant_id)) as tx:
            found += await staff.cards(tx)
    return sorted(found, key=lambda card: card.id, reverse=True)


def person(request: Request) -> UUID:
    """Who is at work. Raises NotFound for a route without a rule of this module."""
    access: Access | None = getattr(request.state, "access", None)
    if access is None or access.actor.kind != "staff" or access.actor.id is None:
        raise NotFound
    return access.actor.id


async def console_page(
    request: Request, tx: Tx, template: str, *, active: str, status_code: int = 200, **context: Any
) -> Response:
    """A page of the console: the template within its frame. `tx` is a control transaction."""
    me = person(request)
    who = next(each for each in await staff.people(tx) if each.user_id == me)
    desk = Desk(who, staff.STAFF_ROLES[who.role].permissions if who.is_bound else frozenset())
    reply = render(request, template, status_code=status_code, active=active, desk=desk, **context)
    reply.headers["Cache-Control"] = "no-store"
    return reply
