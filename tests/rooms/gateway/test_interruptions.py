"""An answer under way when its key stops working: it ends with the reason, costs what was delivered, and is settled once."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from callmissed.foundation import clock, live
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Surface
from callmissed.gateway.upstreams.openai_compatible import OpenAICompatible, Server
from callmissed.gateway.upstreams.protocol import Asked, Terms
from callmissed.identity import KeyRing, leaving, revoke_key, rotation
from callmissed.identity.problems import KeyRevoked
from callmissed.identity.service import keys
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.support.keys import refused
from tests.support.peer import Peer

HI: list[Any] = [{"role": "user", "content": "Namaste"}]
PATIENCE = 10
STOP = text("UPDATE api_key SET revoked_at = now() WHERE id = :id")
"""A key is stopped, and nobody is told."""

FOUND: list[Any] = [
    {"role": "system", "content": "AC service costs ₹499 and takes an hour. " * 5},
    {"role": "user", "content": "How much is an AC service?"},
]


async def revoked(services: Services, shop: Shop) -> None:
    async with services.db.tenant(shop.access) as tx:
        await revoke_key(tx, shop.key_id)


async def closed(services: Services, shop: Shop) -> None:
    async with services.db.tenant(shop.access) as tx:
        await leaving.close_workspace(tx)


async def replaced(services: Services, shop: Shop) -> None:
    async with services.db.tenant(shop.access) as tx:
        await rotation.rotate_key(tx, shop.key_id, 0)


ENDS: dict[str, tuple[Callable[[Services, Shop], Awaitable[None]], str, int]] = {
    "revoked": (revoked, "key_revoked", 401),
    "closed": (closed, "workspace_closed", 403),
    "replaced": (replaced, "key_replaced", 401),
}


@dataclass
class Heard:
    """What a client has received of a stream, event by event."""

    events: list[dict[str, Any] | str] = field(default_factory=list[dict[str, Any] | str])

    def take(self, line: str) -> None:
        if line.startswith("data: "):
            data = line.removeprefix("data: ")
            self.events.append(data if data == "[DONE]" else json.loads(data))

    @property
    def words(self) -> int:
        return sum(
            bool(each["choices"][0]["delta"].get("content"))
            for each in self.events
            if isinstance(each, dict) and each.get("choices")
        )

    @property
    def last(self) -> Any:
        return self.events[-1]


@asynccontextmanager
async def streaming(base_url: str, secret: str, model: str = "peer/endless"):
    """A stream under way, in the background: what was heard of it, and its end."""
    heard = Heard()
    headers = {"authorization": f"Bearer {secret}"}
    body = {"model": model, "messages": HI, "stream": True}

    async def read() -> None:
        async with (
            httpx.AsyncClient(base_url=base_url, headers=headers, timeout=PATIENCE) as client,
            client.stream("POST", "/v1/chat/completions", json=body) as reply,
        ):
            assert reply.status_code == 200
            async for line in reply.aiter_lines():
                heard.take(line)

    reading = asyncio.create_task(read())
    while heard.words < 3:
        assert not reading.done()
        await asyncio.sleep(0.01)
    yield heard, reading
    reading.cancel()


async def settled(shop: Shop, count: int = 1) -> Sequence[dict[str, Any]]:
    """The usage records, once they are all there and nothing is held."""
    for _ in range(200):
        rows = await shop.rows()
        if len(rows) >= count:
            return rows
        await asyncio.sleep(0.02)
    pytest.fail("nothing was settled")


@pytest.mark.parametrize("name", ENDS)
async def test_a_stream_ends_with_the_reason_and_costs_what_was_delivered(
    name: str, services: Services, open_shop: OpenShop, base_url: str, peer: Peer
) -> None:
    act, code, status = ENDS[name]
    shop, left = await open_shop("1"), peer.left
    async with streaming(base_url, shop.key) as (heard, reading):
        await act(services, shop)
        await asyncio.wait_for(reading, PATIENCE)
    assert set(heard.last["error"]) == {"message", "type", "param", "code"}
    assert heard.last["error"]["code"] == code
    assert "[DONE]" not in heard.events
    [row] = await settled(shop)
    assert (row["status"], row["http_status"], row["problem"]) == ("cancelled", status, code)
    assert 0 < row["tokens_out"] <= 2 * heard.words
    assert row["price_micro"] == row["tokens_in"] * 100 + row["tokens_out"] * 200
    purse = await shop.purse()
    assert (purse.available_micro, purse.held_micro) == (1_000_000 - row["price_micro"], 0)
    assert await shop.adds_up()
    for _ in range(100):
        if peer.left > left:
            break
        await asyncio.sleep(0.02)
    assert peer.left > left, "the upstream goes on for nobody"


async def test_a_stream_of_another_key_goes_on(
    services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop, other = await open_shop("1"), await open_shop("1")
    async with streaming(base_url, other.key) as (heard, reading):
        async with streaming(base_url, shop.key) as (_, ending):
            await revoked(services, shop)
            await asyncio.wait_for(ending, PATIENCE)
        async with services.db.tenant(other.access) as tx:
            await keys.change_key(tx, other.key_id, keys.KeyWish("renamed"))
        before = heard.words
        while heard.words < before + 10:
            assert not reading.done()
            await asyncio.sleep(0.01)


async def test_a_token_is_no_longer_lived_than_its_key(
    services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("1")
    async with httpx.AsyncClient(base_url=base_url) as client:
        made = await client.post("/v1/tokens", headers={"authorization": f"Bearer {shop.key}"})
    async with streaming(base_url, made.json()["token"]) as (heard, reading):
        await revoked(services, shop)
        await asyncio.wait_for(reading, PATIENCE)
    assert heard.last["error"]["code"] == "key_revoked"


async def test_a_key_whose_time_is_over_ends_what_runs_on_it(
    services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("1", days=1)
    async with streaming(base_url, shop.key) as (heard, reading):
        with clock.travel(days=2):
            await asyncio.wait_for(reading, PATIENCE)
    assert heard.last["error"]["code"] == "key_expired"


async def test_a_process_that_hears_no_news_asks(services: Services, open_shop: OpenShop) -> None:
    """The row changes and nobody is told; then the listener is stopped, the beats stay away, and the database is asked."""
    shop, ring = await open_shop("1"), KeyRing(services.db, services.live)
    await ring.start()
    key, ended = await ring.resolve(shop.key), list[Problem]()
    with ring.hold(key, ended.append):
        async with services.db.tenant(shop.access) as tx:
            await tx.session.execute(STOP, {"id": shop.key_id})
        await asyncio.sleep(1.5)
        assert not ended, "while beats are heard, silence says that nothing happened"
        ring._running[0].cancel()
        for _ in range(PATIENCE * 100):
            if ended:
                break
            await asyncio.sleep(0.01)
    await ring.stop()
    assert [each.code for each in ended[:1]] == ["key_revoked"]


async def test_missed_news_have_everything_asked_again(
    services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("1")
    async with streaming(base_url, shop.key) as (heard, reading):
        async with services.db.tenant(shop.access) as tx:
            await tx.session.execute(STOP, {"id": shop.key_id})
            await live.announce(tx, keys.TOPIC, live.RELOAD)
        await asyncio.wait_for(reading, PATIENCE)
    assert heard.last["error"]["code"] == "key_revoked"


@pytest.mark.parametrize("name", ENDS)
async def test_a_whole_answer_under_way_is_refused_and_free(
    name: str, services: Services, open_shop: OpenShop, base_url: str, peer: Peer
) -> None:
    act, code, status = ENDS[name]
    shop, asked = await open_shop("1"), len(peer.asked)
    headers = {"authorization": f"Bearer {shop.key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=PATIENCE) as client:
        calling = asyncio.create_task(
            client.post("/v1/chat/completions", json={"model": "peer/ponders", "messages": HI})
        )
        while len(peer.asked) == asked:
            await asyncio.sleep(0.01)
        await act(services, shop)
        reply = await asyncio.wait_for(calling, PATIENCE)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    [row] = await settled(shop)
    assert (row["status"], row["price_micro"], row["problem"]) == ("cancelled", 0, code)
    assert await shop.adds_up()


class Reader:
    """A client at the end of an ASGI call that reads the first `most` messages and then no more."""

    def __init__(self, most: int, body: dict[str, Any], secret: str) -> None:
        self.got: list[dict[str, Any]] = []
        self.full = asyncio.Event()
        self.reads_on = asyncio.Event()
        self._most = most
        self._body = [json.dumps(body).encode()]
        headers = [(b"authorization", f"Bearer {secret}".encode())]
        self.scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": headers}

    async def receive(self) -> dict[str, Any]:
        if not self._body:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": self._body.pop(), "more_body": False}

    async def send(self, message: Any) -> None:
        if len(self.got) >= self._most:
            self.full.set()
            await self.reads_on.wait()
        self.got.append(message)

    @property
    def heard(self) -> Heard:
        heard = Heard()
        for message in self.got[1:]:
            for line in message["body"].decode().split("\n"):
                heard.take(line)
        return heard


@pytest.mark.parametrize("reads_on", [True, False], ids=["who reads on", "who does not"])
async def test_the_local_model_breaks_off_for_a_slow_reader(
    reads_on: bool, services: Services, open_shop: OpenShop
) -> None:
    shop = await open_shop("1")
    body = {"model": "local/extractive", "messages": FOUND, "stream": True}
    reader = Reader(5, body, shop.key)
    answering = asyncio.create_task(Surface(services)(reader.scope, reader.receive, reader.send))
    await asyncio.wait_for(reader.full.wait(), PATIENCE)
    await revoked(services, shop)
    [row] = await settled(shop)
    if reads_on:
        reader.reads_on.set()
    await asyncio.wait_for(answering, PATIENCE)
    assert (row["status"], row["problem"]) == ("cancelled", "key_revoked")
    heard = reader.heard
    assert row["price_micro"] > 0
    assert 0 < row["tokens_out"] <= 2 * heard.words
    if reads_on:
        assert heard.last["error"]["code"] == "key_revoked"
        assert not reader.got[-1]["more_body"]
    assert await shop.adds_up()


async def test_a_key_that_stops_while_its_request_is_read_gets_no_stream(
    services: Services, open_shop: OpenShop
) -> None:
    """The look at the key is over, the body is still on its way, and the news come in between."""
    shop, ring = await open_shop("1"), services.get(KeyRing)
    key, ended = await ring.resolve(shop.key), list[Problem]()
    await revoked(services, shop)
    await refused(ring, shop.key, KeyRevoked)
    with ring.hold(key, ended.append):
        for _ in range(PATIENCE * 100):
            if ended:
                break
            await asyncio.sleep(0.01)
    assert [each.code for each in ended] == ["key_revoked"]


async def test_who_leaves_and_is_revoked_pays_once(
    services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("1")
    async with streaming(base_url, shop.key) as (_, reading):
        both = asyncio.create_task(revoked(services, shop))
        reading.cancel()
        await both
    await settled(shop)
    await asyncio.sleep(0.2)
    assert len(await shop.rows()) == 1
    assert (await shop.purse()).held_micro == 0
    assert await shop.adds_up()


def hold_everybody_up() -> None:
    """Nobody in this process is woken while the next piece arrives."""
    time.sleep(0.05)


@pytest.mark.parametrize("turns", range(5))
async def test_no_end_is_lost_that_meets_the_arrival_of_a_piece(turns: int, peer: Peer) -> None:
    """The piece has come, its reader has not been woken yet or has just been, and is cancelled then."""
    upstream = OpenAICompatible(Terms("peer", "IN", "written down"), Server(peer.base_url))
    asked = Asked("endless", HI, Access.system(uuid7()))
    for _ in range(10):
        begun = asyncio.Event()

        async def read(begun: asyncio.Event = begun) -> None:
            async with aclosing(upstream.stream(asked)) as pieces:
                async for _ in pieces:
                    begun.set()

        reading = asyncio.create_task(read())
        await begun.wait()
        hold_everybody_up()
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        done, _ = await asyncio.wait({reading}, timeout=PATIENCE)
        assert done and reading.cancelled()
    await upstream.close()
