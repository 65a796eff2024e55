"""The operator's console over HTTP: who gets in where, what staff see of a workspace, and what they can never do."""

import re
from collections.abc import AsyncGenerator
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.types import ASGIApp

from callmissed import bots, contacts, conversations
from callmissed.app.installation import Installation
from callmissed.app.main import create_pages_app
from callmissed.billing import grant
from callmissed.foundation import clock, mail
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import accounts, staff
from callmissed.identity.roles import ROLES
from tests.support.mailbox import newest_code
from tests.support.people import workspace_of_someone
from tests.support.routes import SURFACE, Spot, ask, form, spots
from tests.support.staff import (
    REASON,
    approved,
    asked,
    glass,
    leaves,
    letters_to,
    session_of,
    staff_member,
)

pytestmark = pytest.mark.database

HTML = {"accept": "text/html"}
PROGRAM = {"accept": "application/json"}
NOWHERE = {
    "access_id": str(UUID(int=7)),
    "finding": "C99",
    "hold_id": str(UUID(int=7)),
    "record_id": str(UUID(int=7)),
    "release_id": str(UUID(int=7)),
}

NEEDS = {
    "GET /operator": "operator.home",
    "GET /operator/staff": "operator.staff",
    "GET /operator/suppliers": "operator.payments",
    "GET /operator/policy": "operator.promises",
    "GET /operator/versions": "operator.promises",
    "POST /operator/versions": "operator.policy",
    "GET /operator/findings": "operator.promises",
    "POST /operator/findings/{finding}": "operator.policy",
    "GET /operator/undertaking": None,
    "POST /operator/undertaking": None,
    "GET /operator/holds": "operator.holds",
    "POST /operator/holds": "operator.hold",
    "POST /operator/holds/{hold_id}/renew": "operator.hold",
    "POST /operator/holds/{hold_id}/ask": "operator.hold",
    "POST /operator/holds/{hold_id}/release": "operator.hold",
    "GET /operator/sealed": "operator.sealed",
    "POST /operator/sealed/{record_id}": "operator.release",
    "POST /operator/releases/{release_id}/agree": "operator.release",
    "GET /operator/releases/{release_id}/file": "operator.release",
    "GET /operator/access": "operator.access",
    "POST /operator/access": "operator.ask",
    "POST /operator/glass": "operator.glass",
    "POST /operator/access/{access_id}/second": "operator.second",
    "POST /operator/access/{access_id}/end": "operator.access",
    "GET /operator/access/{access_id}/look": None,
}
"""Each route of the console with the permission it asks for; None: it asks for something else than a role."""


@pytest.fixture(scope="module")
def pages(services: Services, installation: Installation) -> FastAPI:
    """The pages application with all its routes."""
    return create_pages_app(services, installation.settings)


@pytest.fixture
def console(pages: FastAPI) -> list[Spot]:
    """The routes of the console."""
    return [spot for spot in spots(pages) if spot.path.startswith("/operator")]


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.fixture
async def support(services: Services) -> UUID:
    """Somebody from support who is bound."""
    return await staff_member(services, "support")


@pytest.fixture
async def desk(app: ASGIApp, installation: Installation, services: Services, support: UUID) -> AsyncGenerator:
    """Their browser."""
    headers = HTML | await session_of(services, support)
    transport, base = httpx.ASGITransport(app=app), installation.settings.public_url
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as made:
        yield made


def wanted(spot: Spot) -> tuple[dict[str, str], bytes]:
    """Headers and body with which this route is tried."""
    return form(name="Meera", reason="short") if spot.changes else ({}, b"")


def test_every_route_of_the_console_is_in_the_table(console) -> None:
    assert {str(spot) for spot in console} == NEEDS.keys()


@pytest.mark.parametrize("role", sorted(staff.STAFF_ROLES))
async def test_a_role_opens_exactly_its_routes(app, services, console, role) -> None:
    cookie = await session_of(services, await staff_member(services, role))
    held = staff.STAFF_ROLES[role].permissions
    for spot in console:
        headers, body = wanted(spot)
        reply = await ask(app, spot.method, spot.at(NOWHERE), PROGRAM | cookie | headers, body)
        needs = NEEDS[str(spot)]
        refused = reply.status == 403
        assert refused == (needs is not None and needs not in held), f"{role}: {spot} answers {reply.status}"
        assert reply.status < 500, f"{role}: {spot} answers {reply.status}"


@pytest.mark.parametrize("role", sorted(staff.STAFF_ROLES))
async def test_no_role_works_before_the_signature(app, services, console, role) -> None:
    cookie = await session_of(services, await staff_member(services, role, signed=False))
    for spot in console:
        headers, body = wanted(spot)
        reply = await ask(app, spot.method, spot.at(NOWHERE), HTML | cookie | headers, body)
        if spot.path == "/operator/undertaking":
            assert reply.status in {200, 409}, str(spot)
        else:
            assert reply.status == 403, f"{spot} answers {reply.status}"
            assert b'href="/operator/undertaking"' in reply.body


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_workspaces_role_opens_nothing_of_the_console(app, services, console, owner, role) -> None:
    async with services.db.tenant(owner) as tx:
        await tx.session.execute(
            text("UPDATE membership SET role = :role WHERE tenant_id = :tenant"),
            {"role": role, "tenant": owner.tenant_id},
        )
    cookie = await session_of(services, owner.actor.id, owner.tenant_id)
    for spot in console:
        headers, body = wanted(spot)
        reply = await ask(app, spot.method, spot.at(NOWHERE), PROGRAM | cookie | headers, body)
        assert reply.status == 404, f"{role}: {spot} answers {reply.status}"


async def test_who_has_left_and_who_signed_in_yesterday_are_outside(services, support, desk) -> None:
    assert (await desk.get("/operator")).status_code == 200
    with clock.travel(hours=8.01):
        old = await desk.get("/operator/access")
        assert (old.status_code, old.headers["location"]) == (303, "/sign-in?next=/operator/access")
        assert (await desk.get(old.headers["location"])).status_code == 200, "no way around in circles"
    async with services.db.control() as tx:
        await staff.remove(tx, (await accounts.profile(tx, support)).email)
    for address in ("/operator", "/operator/access", "/operator/undertaking"):
        assert (await desk.get(address)).status_code == 404


async def test_from_the_terminal_to_the_first_page(app, installation, services) -> None:
    """A person without a workspace signs in, signs the undertaking, and is at work."""
    address = f"s{uuid7().hex}@operator.example"
    async with services.db.control() as tx:
        await staff.add(tx, address, "security")
    transport, base = (
        httpx.ASGITransport(app=app, client=("172.30.4.1", 4711)),
        installation.settings.public_url,
    )
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=HTML) as browser:
        door = await browser.get("/operator")
        assert door.headers["location"] == "/sign-in?next=/operator"
        await browser.post("/sign-in", data={"email": address, "next": "/operator"})
        code = await newest_code(services, address)
        entered = await browser.post("/sign-in/code", data={"code": code, "next": "/operator"})
        assert entered.headers["location"] == "/operator"
        assert (await browser.get("/operator")).status_code == 403
        page = await browser.get("/operator/undertaking?lang=hi")
        assert "जो यहाँ देखूँ, यहीं रहेगा।" in page.text
        for name, status in ((" ", 422), ("Meera Namuna", 303)):
            signed = {"name": name, "version": "1", "language": "hi"}
            assert (await browser.post("/operator/undertaking", data=signed)).status_code == status
        assert (await browser.get("/operator")).status_code == 200
        assert "Meera Namuna" in (await browser.get("/operator/staff")).text


async def test_asked_approved_looked_at_and_told(app, services, owner, support, desk) -> None:
    async with services.db.tenant(owner) as tx:
        bot = await bots.create_bot(tx, name="Hidden from staff", greeting="Namaste")
    request = {"tenant": str(owner.tenant_id), "scope": "bots", "reason": REASON, "minutes": "30"}
    for wrong, said in (
        ({"reason": "short"}, "Say why"),
        ({"minutes": "5"}, "15 minutes at least"),
        ({"scope": "keys"}, "cannot ask"),
    ):
        refused = await desk.post("/operator/access", data=request | wrong)
        assert refused.status_code == 422
        assert said in refused.text
    assert (await desk.post("/operator/access", data=request | {"tenant": str(uuid7())})).status_code == 404
    assert (await desk.post("/operator/access", data=request)).status_code == 303
    async with services.db.tenant(owner) as tx:
        [card] = await staff.cards(tx)
    there = f"/operator/access/{card.id}/look"
    assert (await desk.get(there)).status_code == 403
    mine = HTML | await session_of(services, owner.actor.id, owner.tenant_id)
    page = await ask(app, "GET", "/app/staff-access", mine)
    assert REASON.replace("'", "&#39;").encode() in page.body
    yes = await ask(app, "POST", f"/app/staff-access/{card.id}/approve", mine)
    assert yes.status == 303
    looked = await desk.get(there)
    assert looked.status_code == 200
    assert "Hidden from staff" in looked.text
    page = await ask(app, "GET", "/app/staff-access", mine)
    assert b"read one of the bots:" in page.body
    assert str(bot.id).encode() in page.body
    assert (await ask(app, "POST", f"/app/staff-access/{card.id}/end", mine)).status == 303
    over = await desk.get(there)
    assert over.status_code == 403
    assert "Hidden from staff" not in over.text


async def test_each_scope_shows_its_own(services, owner, support, desk) -> None:
    async with services.db.tenant(owner) as tx:
        bot = await bots.create_bot(tx, name="Care", greeting="Hello")
        await grant(tx, rupees("77"), "grant", uuid7())
        said: dict[UUID, str] = {}
        for name in ("mine", "other"):
            contact_id = (await contacts.meet(tx, contacts.VISITOR, name, language="en")).id
            held = await conversations.open_conversation(tx, contact_id, channel="web", bot_id=bot.id)
            said[held.id] = f"Words of {name}"
            draft = conversations.Draft(conversations.Author.CONTACT, said[held.id], f"ref-{name}-0001")
            await conversations.add_message(tx, held.id, draft)
    mine, other = said
    for scope, target, shows in (
        ("conversation", mine, "Words of mine"), ("usage", None, "Spent in 30 days"), ("billing", None, "₹77"),
    ):  # fmt: skip
        access_id = await approved(services, support, owner, scope, target_id=target)
        page = await desk.get(f"/operator/access/{access_id}/look")
        assert page.status_code == 200
        assert shows in page.text
        assert said[other] not in page.text
        assert (await leaves(services, owner.tenant_id, "identity:staff:row_read"))[-1].target_id == access_id


async def test_an_approval_opens_no_page_of_the_workspace_and_no_interface(
    app, services, pages, owner, support
) -> None:
    """Under every scope at once, staff get no page of the workspace, no change to it, and nothing from /v1."""
    for scope in ("bots", "usage", "billing"):
        await approved(services, support, owner, scope)
    cookie = await session_of(services, support)
    everything = [spot for spot in spots(pages) if spot.path.startswith("/app")]
    mine = [spot for spot in everything if spot.rule is not None and not spot.rule.is_public]
    assert len(mine) > 25
    values = {name: str(uuid7()) for spot in mine for name in spot.parameters}
    for spot in mine:
        headers, body = wanted(spot)
        reply = await ask(app, spot.method, spot.at(values), PROGRAM | cookie | headers, body)
        assert reply.status == 401, f"{spot} answers {reply.status}"
    for method, path in SURFACE:
        reply = await ask(app, method, path.replace("{model_id}", "local/extractive"), PROGRAM | cookie)
        assert reply.status == 401, f"{method} {path} answers {reply.status}"


async def test_staff_who_own_the_workspace_do_not_let_themselves_in(app, services, owner) -> None:
    async with services.db.control() as tx:
        address = (await accounts.profile(tx, owner.actor.id)).email
        person = await staff.add(tx, address, "support")
        await staff.sign(tx, person, "Asha Namuna", 1, "en")
    access_id = await asked(services, person, owner)
    cookie = await session_of(services, person, owner.tenant_id)
    refused = await ask(app, "POST", f"/app/staff-access/{access_id}/approve", PROGRAM | cookie)
    assert (refused.status, b"staff_own_request" in refused.body) == (403, True)
    page = await ask(app, "GET", "/app/staff-access", HTML | cookie)
    assert b"somebody else has to decide" in page.body
    assert b"/approve" not in page.body


async def test_what_is_not_theirs_is_not_there(app, services, owner, support, desk) -> None:
    colleague = await staff_member(services, "support")
    access_id = await approved(services, colleague, owner)
    for method, what in (("GET", "look"), ("POST", "end")):
        reply = await desk.request(method, f"/operator/access/{access_id}/{what}")
        assert reply.status_code == 404
    for bad in ("not-an-id", str(uuid7())):
        assert (await desk.get(f"/operator/access/{bad}/look")).status_code == 404
    cookie = PROGRAM | await session_of(services, colleague)
    assert (await ask(app, "POST", f"/operator/access/{access_id}/end", cookie)).status == 303
    assert (await ask(app, "POST", f"/operator/access/{access_id}/end", cookie)).status == 409


async def test_broken_glass_stands_on_every_page_until_somebody_takes_note(
    app, services, owner, support
) -> None:
    security = await staff_member(services, "security")
    await staff_member(services, "privacy")
    mine = HTML | await session_of(services, owner.actor.id, owner.tenant_id)
    access_id = await glass(services, security, owner)
    first = PROGRAM | await session_of(services, security)
    again = await ask(app, "POST", f"/operator/access/{access_id}/second", first)
    assert (again.status, b"staff_second_person" in again.body) == (403, True)
    banner = b"opened this workspace without asking you"
    assert banner not in (await ask(app, "GET", "/app/bots", mine)).body
    second = PROGRAM | await session_of(services, support)
    assert (await ask(app, "POST", f"/operator/access/{access_id}/second", second)).status == 303
    assert (await ask(app, "GET", f"/operator/access/{access_id}/look", HTML | second)).status == 200
    assert "Our staff have opened Namuna Repairs without asking you" in await letters_to(
        services, owner.actor.id
    )
    with clock.travel(hours=2):
        for address in ("/app/bots", "/app/keys", "/app/staff-access"):
            assert banner in (await ask(app, "GET", address, mine)).body, address
    assert (await ask(app, "POST", f"/app/staff-access/{access_id}/acknowledge", mine)).status == 303
    assert banner not in (await ask(app, "GET", "/app/bots", mine)).body


async def test_the_letter_leads_to_the_answer(services, owner, support, desk, installation) -> None:
    request = {"tenant": str(owner.tenant_id), "scope": "bots", "reason": REASON, "minutes": "30"}
    await desk.post("/operator/access", data=request)
    async with services.db.control() as tx:
        address = (await accounts.profile(tx, owner.actor.id)).email
        [letter] = [each.letter for each in await mail.kept_letters(tx) if each.recipient == address]
    assert re.search(
        rf"^{re.escape(installation.settings.public_url)}/app/staff-access$", letter.text, re.MULTILINE
    )
    assert REASON in letter.text


async def test_finance_sees_where_suppliers_count_otherwise(app: ASGIApp, services: Services) -> None:
    finance = await session_of(services, await staff_member(services, "finance"))
    async with services.db.control() as tx:
        await tx.session.execute(text("DELETE FROM supplier_report"))
    empty = await ask(app, "GET", "/operator/suppliers", {**finance, **HTML})
    assert "No supplier has been asked" in empty.body.decode()
    columns = "day_on, upstream, model, state, problem, ours_requests, ours_in, ours_out, theirs_requests, theirs_in, theirs_out, at"
    today = "(now() AT TIME ZONE 'UTC')::date - 1"
    told = f"({today}, 'acme', 'small', 'told', NULL, 100, 5000, 600, 101, 5051, NULL, now())"
    states = f"({today}, 'acme', '', 'told', NULL, 0, 0, 0, NULL, NULL, NULL, now())"
    failed = f"({today}, 'other', '', 'failed', 'report_refused', 0, 0, 0, NULL, NULL, NULL, now())"
    async with services.db.control() as tx:
        await tx.session.execute(
            text(f"INSERT INTO supplier_report ({columns}) VALUES {told}, {states}, {failed}")
        )
    page = (await ask(app, "GET", "/operator/suppliers", {**finance, **HTML})).body.decode()
    rows = [re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)]
    assert sum("5,051" in row for row in rows) == 1, "a difference of more than a hundredth"
    assert not any(" 101 " in row for row in rows), "one of 101 is less"
    assert any("report_refused" in row for row in rows)
    async with services.db.control() as tx:
        await tx.session.execute(text("DELETE FROM supplier_report"))
