"""The widget's routes: a visitor's token opens their own chat, and nothing else."""

import json
from uuid import UUID

import httpx
import pytest

from callmissed import bots, conversations
from callmissed.foundation import clock, directory
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import Access

pytestmark = pytest.mark.database


@pytest.fixture
async def widget(services) -> str:
    """A bot of a tenant of its own, by the public id of its widget."""
    async with services.db.tenant(Access.system(uuid7())) as tx:
        return (await bots.create_bot(tx, name="Care", greeting="Hello")).widget_id


async def begin(client: httpx.AsyncClient, widget: str) -> dict[str, str]:
    reply = await client.post(f"/widget/{widget}/sessions")
    assert reply.status_code == 201
    return {"authorization": f"Bearer {reply.json()['token']}"}


async def say(client, widget, headers, text="Hello there", ref="message-0001"):
    body = {"text": text, "client_ref": ref}
    return await client.post(f"/widget/{widget}/messages", json=body, headers=headers)


async def test_a_visitor_writes_and_reads_their_own_thread(client, widget):
    headers = await begin(client, widget)
    said = await say(client, widget, headers)
    assert said.status_code == 200
    again = await say(client, widget, headers)
    thread = (await client.get(f"/widget/{widget}/thread", headers=headers)).json()
    assert [each["text"] for each in thread["messages"]] == ["Hello there"]
    assert again.json() == said.json() == thread
    after = await client.get(f"/widget/{widget}/thread?after=1", headers=headers)
    assert after.json()["messages"] == []


async def test_two_visitors_of_one_widget_do_not_see_each_other(client, widget):
    first, second = await begin(client, widget), await begin(client, widget)
    await say(client, widget, first, "mine")
    thread = (await client.get(f"/widget/{widget}/thread", headers=second)).json()
    assert thread["messages"] == []


async def test_a_token_works_only_at_its_own_widget(client, widget, services):
    headers = await begin(client, widget)
    async with services.db.tenant(Access.system(uuid7())) as tx:
        other = (await bots.create_bot(tx, name="Other", greeting="Hello")).widget_id
    assert (await client.get(f"/widget/{other}/thread", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer guessed"}, {"authorization": "Bearer "}, {"authorization": "Basic eDp5"}],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "thread"), ("POST", "messages"), ("POST", "person"), ("GET", "events")]
)
async def test_without_a_token_nothing_opens(client, widget, headers, method, path):
    body = {"text": "x", "client_ref": "message-0001"} if path == "messages" else {}
    reply = await client.request(method, f"/widget/{widget}/{path}", json=body, headers=headers)
    assert reply.status_code == 401
    assert reply.json()["code"] == "visitor_unknown"


async def test_a_token_expires_and_only_its_hash_is_kept(client, widget, services):
    headers = await begin(client, widget)
    secret = headers["authorization"].split()[1].encode()
    async with services.verifier.engine.connect() as connection:
        stored = (await connection.exec_driver_sql("SELECT token_hash FROM visitor_session")).scalars().all()
    assert all(secret not in each for each in stored)
    with clock.travel(days=31):
        assert (await client.get(f"/widget/{widget}/thread", headers=headers)).status_code == 401


@pytest.mark.parametrize("path", ["frame", "thread", "sessions"])
async def test_an_unknown_widget_is_404(client, path):
    method = "POST" if path == "sessions" else "GET"
    reply = await client.request(method, f"/widget/nothing-here/{path}")
    assert reply.status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": " ", "client_ref": "message-0001"}, 422, "message_empty"),
        ({"text": "x" * 4001, "client_ref": "message-0001"}, 422, "message_too_long"),
        ({"text": "x", "client_ref": "short"}, 422, "invalid"),
        ({"text": {"a": [1]}, "client_ref": "message-0001"}, 422, "invalid"),
        ({}, 422, "invalid"),
    ],
)
async def test_bad_messages_get_one_clear_error(client, widget, body, status, code):
    headers = await begin(client, widget)
    reply = await client.post(f"/widget/{widget}/messages", json=body, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b"[" * 5000])
async def test_what_is_no_json_is_refused(client, widget, raw):
    headers = {**await begin(client, widget), "content-type": "application/json"}
    reply = await client.post(f"/widget/{widget}/messages", content=raw, headers=headers)
    assert 400 <= reply.status_code < 500
    assert reply.headers["content-type"] == "application/problem+json"


async def test_many_messages_at_once_are_slowed_down(client, widget):
    headers = await begin(client, widget)
    replies = [await say(client, widget, headers, f"message {n}", f"message-{n:04}") for n in range(10)]
    assert replies[0].status_code == 200
    assert replies[-1].status_code == 429
    assert int(replies[-1].headers["retry-after"]) >= 1


async def test_asking_for_a_person_and_going_on_without(client, widget):
    headers = await begin(client, widget)
    asked = await client.post(f"/widget/{widget}/person", json={}, headers=headers)
    assert asked.json()["state"] == "waiting"
    onward = await client.post(f"/widget/{widget}/assistant", json={}, headers=headers)
    assert onward.json()["state"] == "with_bot"
    assert [each["event"] for each in onward.json()["messages"]] == ["asked_for_person", "handed_back"]


async def test_erasing_ones_own_chat_ends_it(client, widget, services):
    headers = await begin(client, widget)
    await say(client, widget, headers)
    assert (await client.post(f"/widget/{widget}/erase", headers=headers)).status_code == 204
    assert (await client.get(f"/widget/{widget}/thread", headers=headers)).status_code == 401


async def test_the_frame_says_who_may_show_it_and_sets_no_cookie(client, widget, services):
    reply = await client.get(f"/widget/{widget}/frame?lang=hi")
    assert reply.status_code == 200
    assert "frame-ancestors *" in reply.headers["content-security-policy"]
    assert "set-cookie" not in reply.headers
    assert 'lang="hi"' in reply.text
    async with services.db.control() as tx:
        entry = await directory.find(tx, bots.WIDGET, widget)
    assert entry
    async with services.db.tenant(Access.system(entry.tenant_id)) as tx:
        form = bots.BotForm("Care", "Hello", allowed_origins=["https://a.example"])
        await bots.change_bot(tx, entry.target_id, form)
    reply = await client.get(f"/widget/{widget}/frame")
    assert "frame-ancestors 'self' https://a.example;" in reply.headers["content-security-policy"] + ";"


async def test_the_loader_may_be_included_by_other_sites(client, widget):
    reply = await client.get(f"/widget/{widget}.js")
    assert reply.status_code == 200
    assert reply.headers["cross-origin-resource-policy"] == "cross-origin"
    assert reply.headers["content-type"].startswith("text/javascript")


async def test_what_the_visitor_is_told_hides_teammates_and_prices(client, widget, services):
    headers = await begin(client, widget)
    await say(client, widget, headers)
    message = (await client.get(f"/widget/{widget}/thread", headers=headers)).json()["messages"][0]
    assert set(message) == {"ordinal", "author", "client_ref", "event", "text", "language", "sources", "at"}
    assert not any(isinstance(value, UUID) for value in message.values())
    assert "price" not in json.dumps(message)
    assert conversations.MESSAGE_LIMIT == 4_000
