"""What is true of every route, whoever adds it; each rule has been seen catching a route that breaks it."""

import inspect
import json
import re
from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.app.main import behind_edge, create_pages_app
from callmissed.foundation.http import permits, public, signed_in
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway import (
    languages,
    surface,
    surface_audio,
    surface_files,
    surface_images,
    surface_search,
    works,
)
from tests.support.belongings import Belongings, belongings, holdings
from tests.support.planted_routes import answers_in_its_own_words, bad
from tests.support.routes import FIELDS, FILLED, JSON, SURFACE, Reply, Spot, ask, filled, spots

pytestmark = pytest.mark.database

OWN = frozenset(
    {
        "account_id",
        "batch_id",
        "bot_id",
        "contact_id",
        "conversation_id",
        "domain_id",
        "factor_id",
        "file_id",
        "identity_id",
        "invitation_id",
        "key_id",
        "leaf_id",
        "member_id",
        "picture_id",
        "provider_key_id",
    }
    | {"message_id", "request_id", "role_id", "session_id", "source_id", "usage_id"}
)
"""Parameters that name a tenant's row. Samples of them stand in `tests/support/belongings.py`."""

EVERYBODYS = {
    "widget_id": "no-such-widget",
    "kind": "passkey",
    "provider": "elsewhere",
    "name": "safe.hashed-secrets",
    "letter_id": "0199d0a0-0000-7000-8000-000000000000",
    "model_id": "local/extractive",
    "token": "no-such-invitation",
    "answer": "take",
    "access_id": "0199d0a0-0000-7000-8000-000000000001",
    "hold_id": "0199d0a0-0000-7000-8000-000000000002",
    "record_id": "0199d0a0-0000-7000-8000-000000000003",
    "release_id": "0199d0a0-0000-7000-8000-000000000004",
    "finding": "C99",
}
"""Parameters that name something public, on a laptop a letter of the outbox, or something only the operator's staff may
know of, which tests/rooms/dashboard/test_operator.py walks: with a value to try."""

OPEN = ("/v1/", "/anthropic/", "/widget/")
"""What other websites may call: nothing here may look at cookies."""

NO_PAGES = ("/v1/", "/anthropic/", "/api/")
"""Where programs alone are answered."""

ANYBODY_BEGINS = "POST /widget/{widget_id}/sessions"
"""The one open route that changes something for nobody in particular: a new visitor's own session."""

HTML = {"accept": "text/html"}
PROGRAM = {"accept": "application/json"}
ABROAD = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}


@pytest.fixture(scope="session")
def pages(services: Services, installation: Installation) -> FastAPI:
    """The pages application with all its routes."""
    return create_pages_app(services, installation.settings)


@pytest.fixture
async def ours(app: ASGIApp, services: Services) -> Belongings:
    """A tenant that owns one of everything."""
    return await belongings(app, services)


@pytest.fixture
async def stranger(app: ASGIApp, services: Services) -> Belongings:
    """The owner of another tenant."""
    return await belongings(app, services)


# The rules. Each names the routes that break it.


def undeclared(routes: Sequence[Spot]) -> list[str]:
    """Routes of which nobody has said who may call them."""
    return [str(spot) for spot in routes if spot.rule is None]


def unsampled(routes: Sequence[Spot]) -> list[str]:
    """Parameters in paths that these tests have no value for."""
    return [
        f"{spot}: {name}"
        for spot in routes
        for name in spot.parameters
        if name not in OWN | EVERYBODYS.keys()
    ]


async def told_to_strangers(
    app: ASGIApp, held: Services, routes: Sequence[Spot], ours: Belongings, stranger: Belongings
) -> list[str]:
    """Routes that answer another tenant's owner about our rows with anything but 404, or change them."""
    found: list[str] = []
    before = await holdings(held, ours.access.tenant_id)
    for spot in routes:
        if not OWN.intersection(spot.parameters):
            continue
        kind, body = filled(spot)
        reply = await ask(
            app, spot.method, spot.at(EVERYBODYS | ours.ids), owner_of(spot, stranger) | PROGRAM | kind, body
        )
        if reply.status != 404:
            found.append(f"{spot} answers {reply.status}")
        after = await holdings(held, ours.access.tenant_id)
        if after != before:
            found.append(f"{spot} changes {', '.join(name for name in after if after[name] != before[name])}")
            before = after
    return found


async def open_to_nobody(app: ASGIApp, routes: Sequence[Spot], ours: Belongings) -> list[str]:
    """Routes that are not public and answer a caller who has not signed in with anything but 401, or the way to sign in."""
    found: list[str] = []
    for spot in routes:
        if spot.rule is not None and spot.rule.is_public:
            continue
        there = spot.at(EVERYBODYS | ours.ids)
        program = await ask(app, spot.method, there, PROGRAM | FILLED, FIELDS)
        person = await ask(app, spot.method, there, HTML | FILLED, FIELDS)
        if program.status != 401:
            found.append(f"{spot} answers a program {program.status}")
        sent = person.status == 303 and person.headers["location"].startswith("/sign-in")
        is_page = spot.method == "GET" and not spot.path.startswith(NO_PAGES)
        if not (sent if is_page else person.status == 401):
            found.append(f"{spot} answers a person {person.status}")
    return found


async def open_to_other_sites(
    app: ASGIApp, held: Services, routes: Sequence[Spot], ours: Belongings
) -> list[str]:
    """Routes that change something for a request which another website made with our owner's cookies."""
    found: list[str] = []
    before = await holdings(held, ours.access.tenant_id)
    for spot in routes:
        if not spot.changes or str(spot) == ANYBODY_BEGINS:
            continue
        reply = await ask(
            app, spot.method, spot.at(EVERYBODYS | ours.ids), ours.cookie | ABROAD | PROGRAM | FILLED, FIELDS
        )
        counts = not spot.path.startswith(OPEN)  # whether a cookie does; elsewhere it is as good as none
        refused = (403, "cross_site") if counts else (401, "")
        code = json.loads(reply.body)["code"] if counts and reply.status == 403 else ""
        if (reply.status, code) != refused:
            found.append(f"{spot} answers {reply.status}")
    if await holdings(held, ours.access.tenant_id) != before:
        found.append("something was changed")
    return found


def owner_of(spot: Spot, ours: Belongings) -> dict[str, str]:
    """What our own caller sends to be known at this address: a key, a visitor's token or a session."""
    surface = next((each for each in OPEN if spot.path.startswith(each)), "")
    return {"/v1/": ours.key, "/anthropic/": ours.key, "/widget/": ours.visitor}.get(surface, ours.cookie)


def unguarded(spot: Spot, reply: Reply) -> list[str]:
    """What a reply lacks of the headers that every reply carries."""
    policy = reply.headers.get("content-security-policy", "")
    framed = "/widget/" in spot.path
    faults = {
        "a strict policy": "default-src 'none'" in policy and "unsafe" not in policy and "*." not in policy,
        "only its own origin": not re.search(r"(script|style|img|connect|font)-src[^;]*https?:", policy),
        "protection from framing": framed or "frame-ancestors 'none'" in policy,
        "nosniff": reply.headers.get("x-content-type-options") == "nosniff",
        "a referrer policy": reply.headers.get("referrer-policy") in {"same-origin", "no-referrer"},
        "a permissions policy": "camera=()" in reply.headers.get("permissions-policy", ""),
        "its request id": bool(re.fullmatch(r"[0-9a-f]{16}", reply.headers.get("x-request-id", ""))),
        "cookies out of reach of scripts": "set-cookie" not in reply.headers
        or "httponly" in reply.headers["set-cookie"].lower(),
    }
    return [f"{spot} lacks {what}" for what, holds in faults.items() if not holds]


async def badly_guarded(app: ASGIApp, routes: Sequence[Spot], ours: Belongings) -> list[str]:
    """Pages that answer our own owner without the strict headers, or not at all."""
    found: list[str] = []
    for spot in routes:
        if spot.changes:
            continue
        known = owner_of(spot, ours)
        reply = await ask(app, spot.method, spot.at(EVERYBODYS | ours.ids), known | HTML)
        found += unguarded(spot, reply)
        if reply.status >= 500 or (OWN.intersection(spot.parameters) and reply.status != 200):
            found.append(f"{spot} answers its owner {reply.status}")
    return found


def misshapen(spot: Spot, reply: Reply, *, person: bool) -> list[str]:
    """What is wrong with the shape of an error: OpenAI's or Anthropic's for their clients, a page for people, RFC 9457 for programs."""
    if reply.status >= 500:
        return [f"{spot} answers {reply.status}"]
    if spot.path.startswith(("/v1/messages", "/anthropic/")):
        said = json.loads(reply.body) if reply.kind == "application/json" else {}
        whole = said.get("type") == "error" and {"type", "message", "code", "param"} == said["error"].keys()
        return [] if whole else [f"{spot}: {reply.status} is no error of Anthropic's"]
    if spot.path.startswith("/v1/"):
        error = json.loads(reply.body).get("error", {}) if reply.kind == "application/json" else {}
        whole = {"message", "type", "param", "code"} == error.keys() and error["code"] in Problem.catalogue
        return [] if whole else [f"{spot}: {reply.status} is no error of OpenAI's"]
    if person:
        whole = reply.kind == "text/html" and reply.body.lstrip().lower().startswith(b"<!doctype html>")
        return [] if whole else [f"{spot}: {reply.status} is no page"]
    said = json.loads(reply.body) if reply.kind == "application/problem+json" else {}
    whole = {"type", "title", "status", "detail", "code", "request_id"} <= said.keys()
    if not whole or said["code"] not in Problem.catalogue:
        return [f"{spot}: {reply.status} is no RFC 9457 document"]
    told = (said["status"], said["type"], said["request_id"])
    meant = (reply.status, f"/docs/problems#{said['code']}", reply.headers["x-request-id"])
    return [] if told == meant else [f"{spot}: {reply.status} does not say what it is"]


async def badly_shaped(app: ASGIApp, routes: Sequence[Spot], ours: Belongings) -> list[str]:
    """Errors of each route in the wrong shape: signed out, with ids that are none, with a body of rubbish, by a wrong method."""
    found: list[str] = []
    for spot in routes:
        values = dict.fromkeys(EVERYBODYS | ours.ids, "not-an-id")
        there, nowhere = spot.at(EVERYBODYS | ours.ids), spot.at(values)
        known = owner_of(spot, ours)
        for accept in (PROGRAM, HTML):
            if spot.path.startswith(NO_PAGES) and accept is HTML:
                continue
            for method, address, headers, body in (
                (spot.method, there, FILLED, FIELDS),
                (spot.method, nowhere, known | FILLED, FIELDS),
                (spot.method, there, known | JSON, b"{\xff"),
                (spot.method, f"{there}/nowhere", known, b""),
                ("PATCH", there, known | JSON, b"{}"),
            ):
                reply = await ask(app, method, address, accept | headers, body)
                if reply.status >= 400:
                    found += misshapen(spot, reply, person=accept is HTML)
    return found


# They hold.


def test_there_are_routes_and_each_says_who_may_call_it(pages: FastAPI) -> None:
    routes = spots(pages)
    assert len(routes) > 30
    assert undeclared(routes) == []


def test_every_parameter_has_a_sample(pages: FastAPI, ours: Belongings) -> None:
    assert unsampled(spots(pages)) == []
    assert ours.ids.keys() >= OWN


def test_the_gateway_answers_exactly_the_routes_known_here() -> None:
    sources = "".join(
        inspect.getsource(each)
        for each in (surface, languages, works, surface_audio, surface_files, surface_images, surface_search)
    )
    named = {each.rstrip("/") for each in re.findall(r'"(/v1/[^" ]+)"', sources)}
    assert named == {path.partition("/{")[0].removeprefix("/anthropic") for _, path in SURFACE}


async def test_another_tenants_ids_are_not_found_and_nothing_changes(
    app: ASGIApp, services: Services, pages: FastAPI, ours: Belongings, stranger: Belongings
) -> None:
    assert await told_to_strangers(app, services, spots(pages), ours, stranger) == []


@pytest.fixture
def everything(pages: FastAPI) -> list[Spot]:
    """The routes of the pages and of the gateway. Every route under /v1 asks for a key."""
    return [*spots(pages), *(Spot(method, path, permits("llm")) for method, path in SURFACE)]


async def test_nothing_private_answers_nobody(app: ASGIApp, everything, ours: Belongings) -> None:
    assert await open_to_nobody(app, everything, ours) == []


async def test_other_sites_change_nothing(app: ASGIApp, services: Services, everything, ours) -> None:
    assert await open_to_other_sites(app, services, everything, ours) == []


async def test_every_page_is_guarded_and_answers_its_owner(app: ASGIApp, everything, ours) -> None:
    assert await badly_guarded(app, everything, ours) == []


async def test_every_error_has_the_shape_of_its_surface(app: ASGIApp, everything, ours: Belongings) -> None:
    found = await badly_shaped(app, everything, ours)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("address", ["/nowhere", "/static/nowhere.css", "/static/x/..%2f..%2fapp.py"])
async def test_what_is_not_there_is_said_in_the_right_shape(app: ASGIApp, address: str) -> None:
    spot = Spot("GET", address, public())
    for accept in (PROGRAM, HTML):
        reply = await ask(app, "GET", address, accept)
        assert reply.status == 404
        assert misshapen(spot, reply, person=accept is HTML) + unguarded(spot, reply) == []


# And each catches what breaks it.


@pytest.fixture
def planted(services: Services, installation: Installation) -> tuple[ASGIApp, dict[str, Spot]]:
    """The application with these routes, and one past the house's router; and the routes by path."""
    pages = create_pages_app(services, installation.settings)
    pages.include_router(bad)
    pages.add_api_route("/planted/undeclared", answers_in_its_own_words)
    mine = {spot.path: spot for spot in spots(pages) if "planted" in spot.path}
    return behind_edge(pages, services, installation.settings), mine


def test_a_route_without_access_and_one_without_a_sample_are_found(planted) -> None:
    _, mine = planted
    assert undeclared(list(mine.values())) == ["GET /planted/undeclared"]
    assert unsampled(list(mine.values())) == ["GET /planted/unknown/{carpet_id}: carpet_id"]


async def test_a_leak_and_a_change_across_tenants_are_found(planted, services, ours, stranger) -> None:
    app, mine = planted
    routes = [spot for path, spot in mine.items() if "{bot_id}" in path]
    assert await told_to_strangers(app, services, routes, ours, stranger) == [
        "GET /planted/by-id/{bot_id} answers 200",
        "POST /planted/touched/{bot_id} changes bot",
    ]


async def test_a_door_left_open_is_found(planted, ours) -> None:
    app, _ = planted
    spot = Spot("POST", "/planted/forgets", signed_in())
    assert await open_to_nobody(app, [spot], ours) == [
        "POST /planted/forgets answers a program 200",
        "POST /planted/forgets answers a person 200",
    ]


async def test_a_cookie_that_counts_in_the_open_is_found(planted, services, ours) -> None:
    app, mine = planted
    found = await open_to_other_sites(app, services, [mine["/widget/planted"]], ours)
    assert found == ["POST /widget/planted answers 200", "something was changed"]


async def test_a_loose_policy_and_an_error_without_shape_are_found(planted, ours) -> None:
    app, mine = planted
    assert await badly_guarded(app, [mine["/planted/loose"]], ours) == [
        "GET /planted/loose lacks a strict policy",
        "GET /planted/loose lacks protection from framing",
    ]
    found = await badly_shaped(app, [mine["/planted/misshapen"]], ours)
    assert "GET /planted/misshapen: 400 is no RFC 9457 document" in found
    assert "GET /planted/misshapen: 400 is no page" in found
