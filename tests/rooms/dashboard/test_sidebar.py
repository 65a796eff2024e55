"""The sidebar: everybody sees the rooms they may enter, all of them, and no closed door; and begins in one of them."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from starlette.types import ASGIApp

from callmissed.app.rooms import routers
from callmissed.dashboard.rooms import Room, all_rooms, first_room, open_rooms
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import ROLES, custom_roles
from tests.support.pages import KIT
from tests.support.people import teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of

ENTRY = re.compile(r'<a class="item" href="(/app/[^"]+)"')


def asked_by_routes() -> dict[str, str | None]:
    """Path of each page to the permission that its route declares."""
    return {
        route.split(" ", 1)[1]: rule.permission
        for router in routers(production=False)
        for route, rule in getattr(router, "rules", {}).items()
        if route.split(" ", 1)[0] == "GET"
    }


def misdeclared(rooms: Sequence[Room]) -> list[str]:
    """Rooms that say another permission than the route behind them."""
    asked = asked_by_routes()
    return [room.name for room in rooms if room.href not in asked or asked[room.href] != room.permission]


def test_each_room_says_the_permission_that_its_page_asks_for() -> None:
    assert misdeclared(all_rooms()) == []


def test_a_room_that_says_another_permission_is_caught() -> None:
    rooms = all_rooms()
    keys = next(room for room in rooms if room.name == "keys")
    assert misdeclared([*rooms, replace(keys, permission=None)]) == ["keys"]
    assert misdeclared([replace(keys, href="/app/nowhere")]) == ["keys"]


def test_rooms_have_an_icon_and_a_key_of_their_own() -> None:
    sprite = (KIT / "vendor" / "tabler-icons" / "sprite.svg").read_text(encoding="utf-8")
    assert [room.name for room in all_rooms() if f'id="{room.icon}"' not in sprite] == []
    keys = [room.key for room in all_rooms()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("role", list(ROLES))
def test_everybody_begins_where_they_may_be(role: str) -> None:
    first = first_room(lambda permission: permission in ROLES[role])
    assert first in {room.href for room in all_rooms() if room.permission in ROLES[role]}


def test_whoever_may_enter_no_room_begins_in_their_own_account() -> None:
    assert first_room(lambda permission: permission == "inbox.reply") == "/app/account"


async def shown_to(app: ASGIApp, services: Services, person: Access) -> set[str]:
    """The entries of this person's sidebar."""
    async with browser_of(app, services, person) as browser:
        return set(ENTRY.findall((await browser.get("/app/account")).text))


async def closed_doors(app: ASGIApp, services: Services, person: Access, shown: Collection[str]) -> list[str]:
    """Those of the entries that refuse this person. The policy is everybody's and stands elsewhere."""
    async with browser_of(app, services, person) as browser:
        asked = sorted(set(shown) - {"/app/privacy"})
        return [href for href in asked if (await browser.get(href)).status_code != 200]


@pytest.mark.database
@pytest.mark.parametrize("role", [*ROLES, "night shift"])
async def test_nobody_is_shown_a_closed_door_nor_misses_an_open_one(
    app: ASGIApp, services: Services, role: str
) -> None:
    person = owner = await workspace_of_someone(services)
    if role == "night shift":
        async with services.db.tenant(owner) as tx:
            made = await custom_roles.make_role(tx, "Night shift", ["inbox.read", "keys.read"])
        person = await teammate_of(services, owner, str(made))
    elif role != "owner":
        person = await teammate_of(services, owner, role)
    shown = await shown_to(app, services, person)
    assert await closed_doors(app, services, person, shown) == []
    assert shown == {room.href for room in open_rooms(person.may)}
    async with browser_of(app, services, person) as browser:
        for room in all_rooms():
            if room.href not in shown:
                assert (await browser.get(room.href)).status_code == 403, room.name
        begun = await browser.get("/app")
        assert (await browser.get(begun.headers["location"])).status_code == 200


@pytest.mark.database
async def test_a_sidebar_that_shows_everything_is_caught(app: ASGIApp, services: Services) -> None:
    owner = await workspace_of_someone(services)
    teammate = await teammate_of(services, owner, "teammate")
    everything = await shown_to(app, services, owner)
    assert await closed_doors(app, services, teammate, everything) == [
        "/app/audit",
        "/app/keys",
        "/app/playground",
        "/app/wallet",
    ]
