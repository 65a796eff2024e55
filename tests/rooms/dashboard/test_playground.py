"""The playground over HTTP: what an answer brings, what it costs, what ends it, who may ask, and that nothing of it is kept."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from callmissed import bots
from callmissed.billing import purse, requests, usage_span
from callmissed.billing.views import UsageFilter, Used
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import ROLES, leaving, sessions
from callmissed.knowledge import add_text
from tests.rooms.dashboard.conftest import Office, Open
from tests.support.belongings import holdings
from tests.support.offered import offered
from tests.support.peer import Peer
from tests.support.people import teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of, token_of

pytestmark = pytest.mark.database

SECRET = "a question that nobody keeps 7f3a"


@pytest.fixture
async def peer(services: Services, tmp_path: Path) -> AsyncGenerator[Peer]:
    """A server in India and one abroad, offered beside the local model."""
    async with offered(services, tmp_path, "good", "endless", "429", "breaks") as made:
        yield made


GOOD = "peer/good"


def asked(model: str = GOOD, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": SECRET}], **more}


def events_of(text: str) -> list[tuple[str, Any]]:
    """Name and data of each event."""
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", text)
    return [(name, json.loads(data)) for name, data in found]


async def answer(office: Office, body: dict[str, Any], **more: Any) -> list[tuple[str, Any]]:
    reply = await office.browser.post("/app/playground/answer", json=body, **more)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    return events_of(reply.text)


async def records(office: Office) -> tuple[Used, ...]:
    async with office.services.db.tenant(office.access) as tx:
        return await requests(tx, UsageFilter(*usage_span(1)), 10)


async def test_an_answer_says_who_gave_it_and_what_it_cost(office: Office, peer: Peer) -> None:
    before = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Namaste"}]
    body = asked(system="Be short.", temperature=0.5, max_tokens=50)
    body["messages"] = before + body["messages"]
    said = await answer(office, body)
    assert [name for name, _ in said] == ["from", *["text"] * 7, "end"]
    assert said[0][1]["place"] == "India"
    assert said[0][1]["in_india"] is True
    assert "".join(text for name, text in said if name == "text") == "Namaste, the visit costs ₹399."
    price = 11 * 100 + 7 * 200
    assert said[-1][1]["price_micro"] == price
    assert "11 in · 7 out" in said[-1][1]["html"]
    sent = peer.asked[-1]["body"]
    assert [each["role"] for each in sent["messages"]] == ["system", "user", "assistant", "user"]
    assert (sent["temperature"], sent["max_tokens"], sent["stream"]) == (0.5, 50, True)
    [row] = await records(office)
    assert str(row.id) == said[0][1]["usage_id"]
    assert (row.endpoint, row.streamed, row.status, row.price_micro) == ("playground", True, "ok", price)
    assert (row.key_id, row.bot_id, row.india_only) == (None, None, True)
    async with office.services.db.tenant(office.access) as tx:
        held = await purse(tx)
    assert (held.balance_micro, held.held_micro) == (100_000_000 - price, 0)


async def test_nothing_of_it_is_kept(office: Office, peer: Peer) -> None:
    await answer(office, asked(system=SECRET))
    kept = await holdings(office.services, office.access.tenant_id)
    assert kept["usage_record"]
    assert SECRET not in repr(kept)
    assert "₹399" not in repr(kept)


async def test_content_that_must_stay_in_india_goes_nowhere_else(office: Office, peer: Peer) -> None:
    [(name, html)] = await answer(office, asked("abroad/good"))
    assert name == "problem"
    assert "content is kept in India here" in html
    assert 'href="/app/transfers"' in html
    assert peer.asked == []
    assert await records(office) == ()


async def test_what_goes_wrong_is_said_in_plain_words_in_the_readers_language(
    office: Office, peer: Peer
) -> None:
    [(_, unknown)] = await answer(office, asked("nowhere/model"))
    assert "There is no such model here" in unknown
    [(_, busy)] = await answer(office, asked("peer/429"), params={"lang": "hi"})
    assert "पैसे नहीं लगे" in busy
    said = await answer(office, asked("peer/breaks"))
    assert [name for name, _ in said] == ["from", "text", "text", "text", "problem"]
    assert [(row.status, row.price_micro) for row in await records(office)] == [("failed", 0)] * 2


async def test_an_empty_wallet_answers_nothing_and_shows_the_way(office: Office, peer: Peer) -> None:
    await office.spend(100_000_000)
    [(name, html)] = await answer(office, asked())
    assert name == "problem"
    assert 'href="/app/wallet"' in html
    assert peer.asked == []


async def listen(
    app: ASGIApp, services: Services, person: Access, body: dict[str, Any], leave: Callable[[str], bool]
) -> str:
    """Ask as a real browser does, and hear the answer until it ends or `leave` says so of what was heard."""
    content, heard, gone, sent = json.dumps(body).encode(), bytearray(), asyncio.Event(), False
    cookie = f"{sessions.cookie_name(production=False)}={await token_of(services, person)}"
    named = {"host": "127.0.0.1", "cookie": cookie, "content-type": "application/json"}
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/app/playground/answer", "raw_path": b"/app/playground/answer", "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 4711), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await gone.wait()
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        heard.extend(message.get("body", b""))
        if leave(heard.decode(errors="replace")):
            gone.set()

    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return heard.decode()


async def test_whoever_stops_an_answer_pays_for_what_was_delivered(
    app: ASGIApp, services: Services, office: Office, peer: Peer
) -> None:
    heard = await listen(
        app,
        services,
        office.access,
        asked("peer/endless"),
        lambda said: said.count("event: text") >= 5,
    )
    assert "event: end" not in heard
    [row] = await records(office)
    assert (row.status, row.http_status) == ("cancelled", 499)
    assert 4 <= row.tokens_out <= 20
    assert row.price_micro == row.tokens_in * 100 + row.tokens_out * 200


async def test_an_answer_ends_with_the_session_that_asked(
    app: ASGIApp, services: Services, office: Office, peer: Peer
) -> None:
    user_id = office.access.actor.id
    assert user_id
    ending: set[asyncio.Task[None]] = set()

    async def end_all() -> None:
        async with services.db.control() as tx:
            await sessions.end_sessions(tx, user_id)

    def stop(said: str) -> bool:
        if said.count("event: text") == 3 and not ending:
            ending.add(asyncio.create_task(end_all()))
        return False

    heard = await listen(app, services, office.access, asked("peer/endless"), stop)
    assert heard.count("event: text") >= 3
    [row] = await records(office)
    assert row.status == "cancelled"
    assert row.price_micro > 0


@pytest.mark.parametrize("role", [each for each in ROLES if each != "owner"])
async def test_whoever_may_try_models_does_and_nobody_else(
    role: str, office: Office, app: ASGIApp, services: Services, peer: Peer
) -> None:
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        page = await browser.get("/app/playground")
        reply = await browser.post("/app/playground/answer", json=asked())
    expected = 200 if "playground.use" in ROLES[role] else 403
    assert (page.status_code, reply.status_code) == (expected, expected)
    assert len(peer.asked) == (expected == 200)


async def test_another_website_asks_nothing(office: Office, peer: Peer) -> None:
    abroad = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (
        await office.browser.post("/app/playground/answer", json=asked(), headers=abroad)
    ).status_code == 403
    typed = await office.browser.post(
        "/app/playground/answer", content=json.dumps(asked()), headers={"content-type": "text/plain"}
    )
    assert typed.status_code == 415
    assert peer.asked == []


async def test_a_minute_has_its_measure_for_each_person(office: Office, peer: Peer, opened: Open) -> None:
    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < 300:
        reply = await office.browser.post("/app/playground/answer", json=asked("nowhere/model"))
        statuses.append(reply.status_code)
        assert reply.status_code == 200 or int(reply.headers["retry-after"]) >= 1
    assert len(statuses) > 60
    assert statuses[-1] == 429
    other = await opened()
    assert await answer(other, asked())


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []}, {"temperature": 2.1}, {"max_tokens": 0}, {"model": ""}, {"n": 4}, {"stream": False},
        {"messages": [{"role": "system", "content": "x"}]}, {"messages": [{"role": "user", "content": ""}]},
        {"system": "\0"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused_before_anything_costs(
    wrong: dict[str, Any], office: Office, peer: Peer
) -> None:
    reply = await office.browser.post("/app/playground/answer", json=asked(**wrong))
    assert reply.status_code == 422
    assert peer.asked == []


def choices(page: str) -> list[str]:
    """What can be chosen as the first model."""
    return re.findall(r'<option value="([^"]+)"', page.partition('name="first"')[2].partition("</select>")[0])


async def test_only_models_that_answer_here_can_be_chosen(office: Office, peer: Peer) -> None:
    page = await office.page("/app/playground?model=peer/good")
    assert choices(page) == [
        "local/extractive", "peer/429", "peer/breaks", "peer/endless", "peer/good",
    ]  # fmt: skip
    assert re.search(r'value="peer/good"[^>]*selected', page)
    assert (
        "selected"
        not in (await office.page("/app/playground?model=nowhere")).partition("local/extractive")[0]
    )


async def test_a_closed_workspace_asks_nothing(office: Office, peer: Peer) -> None:
    async with office.services.db.tenant(office.access) as tx:
        await leaving.close_workspace(tx)
    reply = await office.browser.post("/app/playground/answer", json=asked(), headers={"accept": "*/*"})
    assert (reply.status_code, reply.json()["code"]) == (403, "workspace_closed")
    assert peer.asked == []


async def test_an_answer_on_a_bots_knowledge_shows_its_sources(office: Office, peer: Peer) -> None:
    async with office.services.db.tenant(office.access) as tx:
        source = await add_text(tx, "Price list", "# Prices\nAn inspection visit costs ₹399.")
        bot = await bots.create_bot(tx, name="Care <b>", greeting="Hello", sources=[source.id])
    page = await office.browser.get("/app/playground")
    assert f'<option value="{bot.id}">Care &lt;b&gt;</option>' in page.text
    question = [{"role": "user", "content": "What does an inspection visit cost?"}]
    said = dict(await answer(office, {"model": GOOD, "messages": question, "bot_id": str(bot.id)}))
    assert "Price list" in said["sources"] and "not named in the answer" in said["sources"]
    assert "₹399" in peer.asked[-1]["body"]["messages"][-1]["content"]
    local = await answer(office, {"model": "local/extractive", "messages": question, "bot_id": str(bot.id)})
    assert "not named" not in dict(local)["sources"]
    nothing = [{"role": "user", "content": "xylophone quokka"}]
    far = dict(await answer(office, {"model": GOOD, "messages": nothing, "bot_id": str(bot.id)}))
    assert "Nothing in its knowledge is near this question." in far["sources"]


async def test_a_bot_of_another_workspace_is_not_found(office: Office, peer: Peer) -> None:
    other = await workspace_of_someone(office.services)
    async with office.services.db.tenant(other) as tx:
        bot = await bots.create_bot(tx, name="Theirs", greeting="Hello")
    said = dict(await answer(office, asked(bot_id=str(bot.id))))
    assert "There is no such bot" in said["problem"]
    assert peer.asked == []
