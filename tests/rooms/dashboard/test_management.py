"""The management API: by key and by session, pages that stay whole, once under a key, problems as documented."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy import select, text

from callmissed.contacts import meet
from callmissed.conversations import open_conversation
from callmissed.dashboard.management.answers import cursor_to
from callmissed.dashboard.management.endpoints.description import describe
from callmissed.dashboard.management.models import PerformedOnce
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import GIVABLE, ROLES, KeyRing, create_key
from tests.support.keys import program_of
from tests.support.people import member_id_of, teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of
from tests.support.staff import asked as ask_to_look
from tests.support.staff import staff_member

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.fixture
async def program(app, services, owner):
    """A program with a key that may do everything but what is the owner's."""
    async with program_of(app, services, owner, GIVABLE) as made:
        yield made


async def test_a_key_and_a_session_see_the_same(app, services, owner, program) -> None:
    by_key = (await program.get("/me")).json()
    assert (by_key["caller"], set(by_key["permissions"]) - {"llm"}) == ("key", set(GIVABLE))
    async with browser_of(app, services, owner) as browser:
        by_session = (await browser.get("/api/v1/me")).json()
        assert (by_session["caller"], set(by_session["permissions"])) == ("user", set(ROLES["owner"]))
        assert (await browser.get("/api/v1/members")).json() == (await program.get("/members")).json()


@pytest.mark.parametrize(
    ("header", "code"),
    [("", "unauthenticated"), ("Bearer x", "key_malformed"), ("Basic x", "unauthenticated")],
)
async def test_without_a_key_there_is_a_problem_in_json(app, services, header, code) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=services.base_url
    ) as nobody:
        reply = await nobody.get("/api/v1/me", headers={"authorization": header, "accept": "text/html"})
    assert (reply.status_code, reply.json()["code"]) == (401, code)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


async def test_a_wrong_key_does_not_fall_back_to_the_cookie(app, services, owner) -> None:
    async with browser_of(app, services, owner) as browser:
        assert (await browser.get("/api/v1/me", headers={"authorization": "Bearer x"})).status_code == 401
        assert (await browser.get("/app/team", headers={"authorization": "Bearer x"})).status_code == 200


async def test_a_key_opens_no_page(app, services, owner) -> None:
    async with program_of(app, services, owner, GIVABLE) as made:
        assert (await made.get(f"{services.base_url}/app/team")).status_code == 401


async def test_a_key_does_only_what_it_was_given(app, services, owner) -> None:
    async with program_of(app, services, owner, ["bots.read"]) as made:
        assert (await made.get("/bots")).status_code == 200
        for path in (
            "/members",
            "/keys",
            "/audit",
            "/wallet",
            "/usage",
            "/conversations",
            "/contacts",
            "/knowledge/sources",
        ):
            assert (await made.get(path)).status_code == 403, path
        refused = await made.post("/bots", json={"name": "x", "greeting": "y"})
        assert refused.json()["details"] == {"permission": "bots.write"}


async def test_the_whole_round_of_a_workspace(services, owner, program) -> None:
    source = (
        await program.post("/knowledge/sources", json={"title": "Prices", "text": "An AC service is ₹499."})
    ).json()
    bot = (
        await program.post("/bots", json={"name": "B", "greeting": "Hi", "sources": [source["id"]]})
    ).json()
    assert bot["sources"] == [source["id"]]
    assert bot["on"] is True
    changed = await program.put(f"/bots/{bot['id']}", json={"name": "C", "greeting": "Hi", "on": False})
    assert (changed.json()["name"], changed.json()["on"]) == ("C", False)
    invitation = (
        await program.post("/invitations", json={"email": "new@namuna.example", "role": "billing"})
    ).json()
    assert (await program.post(f"/invitations/{invitation['id']}/resend")).status_code == 200
    assert (await program.delete(f"/invitations/{invitation['id']}")).status_code == 204
    role = (await program.post("/roles", json={"name": "Reader", "permissions": ["inbox.read"]})).json()
    assert role["id"] in {each["id"] for each in (await program.get("/roles")).json()["items"]}
    mate = await member_id_of(services, await teammate_of(services, owner, "teammate"))
    assert (await program.patch(f"/members/{mate}", json={"role": role["id"]})).json()[
        "role_name"
    ] == "Reader"
    assert (await program.delete(f"/members/{mate}")).status_code == 204
    assert (await program.delete(f"/roles/{role['id']}")).status_code == 204
    assert (await program.delete(f"/knowledge/sources/{source['id']}")).status_code == 204
    assert (await program.get("/usage")).json()["requests"] == 0
    assert (await program.get("/wallet")).json()["held_micro"] == 0
    said = [each["action"] for each in (await program.get("/audit")).json()["items"]]
    assert said[0] == "knowledge:source:removed"


async def test_the_whole_round_of_a_key(services, program) -> None:
    account = (await program.post("/service-accounts", json={"name": "Shop counter"})).json()
    bot = (await program.post("/bots", json={"name": "Care", "greeting": "Hello"})).json()
    wished = {
        "name": "till",
        "bot_id": bot["id"],
        "scopes": ["contacts.read"],
        "requests_per_minute": 60,
        "monthly_budget_micro": 500_000_000,
        "models": ["local/*"],
        "networks": ["203.0.113.7"],
        "options": ["masking"],
    }
    made = (await program.post("/keys", json={**wished, "service_account_id": account["id"]})).json()
    assert made["service_account"] == "Shop counter"
    assert {name: made[name] for name in wished} == {**wished, "networks": ["203.0.113.7/32"]}
    wide = await program.put(f"/keys/{made['id']}", json={"name": "till", "scopes": ["contacts.read"]})
    assert [wide.json()[each] for each in ("requests_per_minute", "models", "options", "bot_id")] == [
        None,
        [],
        [],
        None,
    ]
    nobodys = await program.put(f"/keys/{made['id']}", json={**wished, "bot_id": str(uuid7())})
    assert (nobodys.status_code, nobodys.json()["code"]) == (404, "bot_not_found")
    turned = (await program.post(f"/keys/{made['id']}/rotate", json={"overlap_days": 3})).json()
    assert turned["secret"] != made["secret"]
    assert turned["old_secrets_work_until"]
    assert await services.get(KeyRing).resolve(made["secret"])
    ended = (await program.post(f"/keys/{made['id']}/end-overlap")).json()
    assert ended["old_secrets_work_until"] is None
    wrong = await program.put(f"/keys/{made['id']}", json={**wished, "networks": ["203.0.113.7/8"]})
    assert wrong.json()["code"] == "key_networks_unusable"
    assert [each["keys"] for each in (await program.get("/service-accounts")).json()["items"]] == [1]
    assert (await program.delete(f"/service-accounts/{account['id']}")).status_code == 204
    assert (await program.get(f"/keys/{made['id']}")).json()["state"] == "revoked"
    assert (await program.post(f"/keys/{made['id']}/rotate", json={})).json()["code"] == "key_not_working"


async def test_nobody_gets_the_secret_of_a_key_that_may_do_more_than_they_may(services, owner, app) -> None:
    developer = await teammate_of(services, owner, "developer")
    async with services.db.tenant(owner) as tx:
        strong = await create_key(tx, "owner's", scopes=["billing.write"])
        weak = await create_key(tx, "plain")
    async with browser_of(app, services, developer) as browser:
        for key_id, status in ((strong.id, 403), (weak.id, 200)):
            turned = await browser.post(f"/api/v1/keys/{key_id}/rotate", json={"overlap_days": 0})
            assert turned.status_code == status
            paged = await browser.post(f"/app/keys/{key_id}/rotate", data={"overlap": "0"})
            assert paged.status_code == status
    assert await services.get(KeyRing).resolve(strong.secret), "its old secret is the one that works"


async def test_the_whole_round_of_the_workspace_and_its_visitors(app, services, owner, program) -> None:
    assert (await program.patch("/workspace", json={"name": "x"})).status_code == 403, "its owner does"
    async with browser_of(app, services, owner) as browser:
        renamed = await browser.patch("/api/v1/workspace", json={"name": "Namuna & Daughters"})
    assert renamed.json()["name"] == "Namuna & Daughters"
    assert (await program.get("/workspace")).json() == renamed.json()
    asked = await ask_to_look(services, await staff_member(services, "support"), owner)
    waiting = (await program.get("/staff-access")).json()["items"]
    assert [(each["id"], each["state"]) for each in waiting] == [(str(asked), "waiting")]
    refused = await program.post(f"/staff-access/{asked}/approve")
    assert (refused.status_code, refused.json()["code"]) == (403, "staff_own_request"), "a person decides"
    async with browser_of(app, services, owner) as browser:
        assert (await browser.post(f"/api/v1/staff-access/{asked}/approve")).json()["state"] == "open"
    assert (await program.post(f"/staff-access/{asked}/end")).json()["state"] == "ended"
    again = await program.post(f"/staff-access/{asked}/refuse")
    assert (again.status_code, again.json()["code"]) == (409, "staff_access_decided")


async def conversation(services: Services, owner: Access) -> str:
    async with services.db.tenant(owner) as tx:
        contact = await meet(tx, "webchat", uuid7().hex, language="en", name="Canary Contact")
        return str((await open_conversation(tx, contact.id, channel="webchat", bot_id=uuid7())).id)


async def test_a_program_answers_a_conversation_and_leaves_a_teammates_alone(
    app, services, owner, program
) -> None:
    first, second = await conversation(services, owner), await conversation(services, owner)
    reply = await program.post(f"/conversations/{first}/messages", json={"text": "On our way."})
    assert (reply.status_code, reply.json()["author"]) == (201, "teammate")
    thread = (await program.get(f"/conversations/{first}/messages")).json()["items"]
    assert [each["text"] for each in thread if not each["event"]] == ["On our way."]
    async with browser_of(app, services, owner) as browser:
        await browser.post(f"/app/inbox/{second}/take-over")
    held = await program.post(f"/conversations/{second}/messages", json={"text": "Me too."})
    assert (held.status_code, held.json()["code"]) == (409, "conversation_held")
    people = (await program.get("/contacts")).json()["items"]
    assert people[0]["name"] == "Canary Contact"
    assert (await program.get(f"/contacts/{people[0]['id']}")).json()["kinds"] == ["webchat"]


async def test_what_belongs_to_another_workspace_answers_404(services, owner, program) -> None:
    other = await workspace_of_someone(services)
    member, thread = await member_id_of(services, other), await conversation(services, other)
    for path in (
        f"/members/{member}",
        f"/conversations/{thread}",
        f"/conversations/{thread}/messages",
        f"/bots/{uuid7()}",
    ):
        assert (await program.get(path)).status_code == 404, path
    assert (await program.delete(f"/members/{member}")).status_code == 404
    assert (await program.post(f"/conversations/{thread}/messages", json={"text": "x"})).status_code == 404
    foreign = await program.post("/bots", json={"name": "x", "greeting": "y", "sources": [str(uuid7())]})
    assert foreign.json()["code"] == "knowledge_source_not_found"


# Pages


async def test_pages_stay_whole_while_items_are_added(program) -> None:
    for n in range(7):
        await program.post("/bots", json={"name": f"bot {n}", "greeting": "Hi"})
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await program.get("/bots", params={"limit": 3, "cursor": cursor})).json()
        seen += [each["name"] for each in page["items"]]
        await program.post("/bots", json={"name": "between", "greeting": "Hi"})
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == [f"bot {n}" for n in reversed(range(7))]


@pytest.mark.parametrize("cursor", ["x", "!!!!", "A" * 60, "é", cursor_to(UUID(int=7 << 76))[:-2]])
async def test_a_cursor_nobody_gave_is_refused(program, cursor) -> None:
    for path in ("/bots", "/conversations", "/audit", "/contacts", "/members"):
        reply = await program.get(path, params={"cursor": cursor})
        assert (reply.status_code, reply.json()["code"]) == (422, "cursor_unusable"), path


# Once


async def test_asking_twice_under_one_key_does_it_once(program) -> None:
    body, key = {"name": "once", "greeting": "Hi"}, {"idempotency-key": "a-1"}
    first = await program.post("/bots", json=body, headers=key)
    again = await program.post("/bots", json=body, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = await program.post("/bots", json={**body, "name": "twice"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    elsewhere = await program.post("/roles", json={"name": "R", "permissions": ["inbox.read"]}, headers=key)
    assert elsewhere.status_code == 409
    assert len((await program.get("/bots")).json()["items"]) == 1
    with clock.travel(hours=24.1):
        assert (await program.post("/bots", json=body, headers=key)).json()["id"] != first.json()["id"]


async def test_the_same_request_at_the_same_time_is_done_once(program) -> None:
    body, key = {"name": "once", "greeting": "Hi"}, {"idempotency-key": "b-1"}
    replies = await asyncio.gather(*(program.post("/bots", json=body, headers=key) for _ in range(5)))
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len((await program.get("/bots")).json()["items"]) == 1


async def test_what_failed_may_be_tried_again_under_its_key(program) -> None:
    key = {"idempotency-key": "c-1"}
    assert (await program.post("/bots", json={"name": "", "greeting": "Hi"}, headers=key)).status_code == 422
    assert (
        await program.post("/bots", json={"name": "now", "greeting": "Hi"}, headers=key)
    ).status_code == 201


async def test_two_callers_may_choose_the_same_key(app, services, owner, program) -> None:
    body, key = {"name": "mine", "greeting": "Hi"}, {"idempotency-key": "d-1"}
    async with program_of(app, services, owner, GIVABLE) as second:
        ids = {(await each.post("/bots", json=body, headers=key)).json()["id"] for each in (program, second)}
    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", "x" * 201])
async def test_a_key_that_is_none_is_refused(program, key) -> None:
    reply = await program.post("/bots", json={"name": "x", "greeting": "y"}, headers={"idempotency-key": key})
    assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_unusable")


async def test_nothing_personal_and_no_secret_is_kept_for_a_replay(services, owner, program) -> None:
    key = {"idempotency-key": "secret-canary"}
    made = (await program.post("/keys", json={"name": "new"}, headers=key)).json()
    again = (await program.post("/keys", json={"name": "new"}, headers=key)).json()
    assert again == {**made, "secret": None}
    assert await services.get(KeyRing).resolve(made["secret"])
    await program.post(
        "/invitations", json={"email": "canary@namuna.example"}, headers={"idempotency-key": "e"}
    )
    async with services.db.tenant(owner) as tx:
        rows = (
            (await tx.session.execute(text("SELECT performed_once::text FROM performed_once")))
            .scalars()
            .all()
        )
        count = len((await tx.session.scalars(select(PerformedOnce))).all())
    assert count == len(rows) == 2
    for word in ("canary", made["secret"], made["secret"].encode().hex(), b"canary".hex()):
        assert not any(word in row for row in rows)


# Reading again


async def test_reading_again_costs_little(program) -> None:
    first = await program.get("/roles")
    again = await program.get("/roles", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await program.post("/roles", json={"name": "New", "permissions": ["inbox.read"]})
    changed = await program.get("/roles", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200


# The description


@pytest.fixture
def document(services: Services) -> dict[str, Any]:
    """The description as it is served, once every room's problems are there."""
    del services
    return describe()


def test_the_description_is_openapi_3_1(document) -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(document))).validate()
    assert document["openapi"] == "3.1.0"
    assert len(document["paths"]) >= 20


def test_every_operation_says_its_permission_its_problems_and_itself(document) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation.get("x-permission") in {*ROLES["owner"], None}, where
            assert "x-permission" in operation or path == "/api/v1/me", where
            for code in operation["x-problems"]:
                status = str(Problem.catalogue[code].status)
                assert f"`{code}`" in operation["responses"][status]["description"], (where, code)
            if method == "post":
                assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}, where


async def test_anybody_may_read_the_description(client) -> None:
    reply = await client.get("/api/v1/openapi.json")
    assert reply.json()["info"]["title"] == "CallMissed management API"
