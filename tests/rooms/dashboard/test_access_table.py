"""Every role × every route: allowed or refused exactly as the route's declared permission says. Generated, so that none is forgotten."""

import re
from collections.abc import Iterator

import pytest
from starlette.types import ASGIApp

from callmissed.app.rooms import routers
from callmissed.foundation.http import Router
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import GIVABLE, ROLES, custom_roles
from tests.support.keys import program_of
from tests.support.people import teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database

ENDLESS = {"/app/inbox/events"}
"""Streams that never end by themselves: only their refusal is asked for."""
OPEN = r"\{[^}]+\}"
"""The part of a path that is filled in."""
PAIRS = [{"inbox.read"}, {"team.read", "team.write"}, {"keys.read", "audit.read"}]
"""Roles of a workspace's own, beside ours."""


def asked() -> Iterator[tuple[str, str, str]]:
    """Method, path and permission of every route that asks one of a session; those with tokens of their own are elsewhere."""
    for router in routers(production=False):
        assert isinstance(router, Router)
        for route, rule in router.rules.items():
            methods, path = route.split(" ", 1)
            if rule.permission is not None and rule.resolve is None:
                for method in methods.split(","):
                    yield method, path, rule.permission


TABLE = list(asked())


def test_the_table_is_whole() -> None:
    """Every permission a route asks for is one that some role has, and there are many routes."""
    assert len(TABLE) > 30
    assert {permission for _, _, permission in TABLE} <= ROLES["owner"]


def test_every_path_of_the_workspace_declares_who_may_come() -> None:
    for router in routers(production=False):
        for route, rule in getattr(router, "rules", {}).items():
            path = route.split(" ", 1)[1]
            if path.startswith(("/app", "/api")) and rule.is_public:
                assert path in {
                    "/app/invitation/{token}",
                    "/api/v1/openapi.json",
                    "/app/close-account",
                    "/app/prove",
                }, route


AT_ANY_TIME = {
    "POST /api/v1/keys/{key_id}/revoke",
    "POST /api/v1/keys/{key_id}/end-overlap",
    "POST /api/v1/service-accounts",
    "DELETE /api/v1/service-accounts/{account_id}",
    "POST /api/v1/invitations/{invitation_id}/resend",
    "DELETE /api/v1/invitations/{invitation_id}",
    "DELETE /api/v1/roles/{role_id}",
    "POST /api/v1/provider-keys/{provider_key_id}/verify",
    "DELETE /api/v1/provider-keys/{provider_key_id}",
}
"""What takes power away, gives none by itself, or asks again for what was proven once: a program's door is as quick there as the page."""


def test_what_gives_power_asks_for_a_proof_at_the_programs_door_too() -> None:
    gives = {
        route: rule.fresh
        for router in routers(production=False)
        for route, rule in getattr(router, "rules", {}).items()
        if "/api/v1/" in route
        and not route.startswith("GET ")
        and rule.permission in {"keys.write", "team.write"}
    }
    assert len(gives) > len(AT_ANY_TIME)
    assert {route for route, fresh in gives.items() if not fresh} == AT_ANY_TIME


async def look_up(app: ASGIApp, services: Services, access: Access, permissions: frozenset[str]) -> list[str]:
    """Ask for every route as this person; the routes that answered otherwise than their permission says."""
    wrong: list[str] = []
    async with browser_of(app, services, access) as browser:
        for method, path, permission in TABLE:
            allowed = permission in permissions
            if allowed and path in ENDLESS:
                continue
            address = re.sub(OPEN, str(uuid7()), path)
            reply = await browser.request(method, address)
            refused = reply.status_code in {401, 403} or reply.headers.get("location", "").startswith(
                "/sign-in"
            )
            if refused == allowed or reply.status_code >= 500:
                wrong.append(f"{method} {path} asks {permission}: {reply.status_code}")
    return wrong


@pytest.mark.parametrize("role", list(ROLES))
async def test_a_role_is_allowed_exactly_what_it_holds(app: ASGIApp, services: Services, role: str) -> None:
    owner = await workspace_of_someone(services)
    access = owner if role == "owner" else await teammate_of(services, owner, role)
    assert await look_up(app, services, access, ROLES[role]) == []


@pytest.mark.parametrize("held", PAIRS, ids=lambda held: "+".join(sorted(held)))
async def test_a_role_of_ones_own_is_allowed_exactly_what_it_holds(
    app: ASGIApp, services: Services, held: set[str]
) -> None:
    owner = await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        role_id = await custom_roles.make_role(tx, "Own", held)
    access = await teammate_of(services, owner, str(role_id))
    assert await look_up(app, services, access, frozenset(held)) == []


async def test_a_key_is_allowed_exactly_what_it_holds(app: ASGIApp, services: Services) -> None:
    """Every permission of the API by itself, in a key: that route and no other opens."""
    owner = await workspace_of_someone(services)
    routes = [each for each in TABLE if each[1].startswith("/api/v1/")]
    assert len(routes) > 25
    wrong: list[str] = []
    for held in sorted({permission for _, _, permission in routes}):
        async with program_of(app, services, owner, [held]) as program:
            for method, path, permission in routes:
                reply = await program.request(
                    method, f"{services.base_url}{re.sub(OPEN, str(uuid7()), path)}"
                )
                if (reply.status_code == 403) == (permission == held) or reply.status_code in {401, 500}:
                    wrong.append(f"{method} {path} with {held}: {reply.status_code}")
    assert wrong == []


async def test_the_table_would_notice(app: ASGIApp, services: Services) -> None:
    """A person who holds less than the table believes is seen on every route of the difference."""
    owner = await workspace_of_someone(services)
    mate = await teammate_of(services, owner, "teammate")
    wrong = await look_up(app, services, mate, GIVABLE)
    missing = GIVABLE - ROLES["teammate"]
    assert len(wrong) == sum(permission in missing and path not in ENDLESS for _, path, permission in TABLE)
