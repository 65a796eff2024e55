"""A slow upstream gets company: who answers, who is told, who pays, and that nobody is left over."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import Upstreams
from callmissed.gateway.catalogue import model_of
from callmissed.gateway.hedging import race
from callmissed.gateway.routing import RetryBudget
from callmissed.gateway.trip import Route, RoutingRule, Trip
from callmissed.gateway.upstreams import Asked, OpenAICompatible, Terms
from callmissed.gateway.upstreams.openai_compatible import Server
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.rooms.gateway.served import HI, asked_as, served, serving, upstream
from tests.support.patience import until
from tests.support.peer import Peer

pytestmark = pytest.mark.faults

PAIRS = {
    "late-good": ("late", "good"),
    "hangs-good": ("hangs", "good"),
    "late-500": ("late", "500"),
    "hangs-500": ("hangs", "500"),
    "hangs-hangs": ("hangs", "hangs"),
    "good-good": ("good", "good"),
}
SOLD = {"price_in": "100", "price_out": "200", "context": 8000, "longest_answer": 1000}
TEXT = "Namaste, the visit costs ₹399."


@pytest.fixture
async def pairs(services: Services, peer: Peer, base_url: str, tmp_path: Path) -> AsyncGenerator[Upstreams]:
    """`pair/A-B` goes to one, which behaves as A, and after 0.1 s to two beside it, which behaves as B. `calm/late` is not hedged.

    Where the first answers well it has 10 s, so that a machine that hesitates does not make it late.
    """
    waits = {name: "10" if first == "good" else "0.1" for name, (first, _) in PAIRS.items()}
    one = [served(f"pair/{name}", first, hedge_after=waits[name]) for name, (first, _) in PAIRS.items()]
    two = [served(f"pair/{name}", second, order="1") for name, (_, second) in PAIRS.items()]
    at = peer.base_url
    parts = [
        upstream("one", at, [*one, served("calm/late", "late")]),
        upstream("two", at, [*two, served("calm/late", "good", order="1")]),
        upstream("three", at, [served("other/good", "good")]),
    ]
    async with serving(services, tmp_path, *parts) as made:
        yield made


def leftovers() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("asked ")]


async def text_of(reply: Any, stream: bool) -> str:
    if not stream:
        return reply.parse().choices[0].message.content
    return "".join([chunk.choices[0].delta.content or "" async for chunk in reply.parse() if chunk.choices])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("pair", "winner", "tried", "asked"),
    [
        ("late-good", "two", "one@IN", 2),
        ("hangs-good", "two", "one@IN", 2),
        ("late-500", "one", "two@IN", 2),
        ("good-good", "one", None, 1),
    ],
)
async def test_the_first_answer_wins_and_is_paid_once(
    pair: str,
    winner: str,
    tried: str | None,
    asked: int,
    stream: bool,
    pairs,
    open_shop: OpenShop,
    client_of: ClientOf,
    peer: Peer,
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    create: Any = client_of(shop).chat.completions.with_raw_response.create
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    reply = await create(model=f"pair/{pair}", messages=HI, stream=stream, extra_body=usage)
    assert await text_of(reply, stream) == TEXT
    assert reply.headers["cm-upstream"] == winner
    assert reply.headers.get("cm-attempts", "1") == str(asked)
    assert len(asked_as(peer, before)) == asked
    [row] = await shop.rows()
    assert (row["upstream"], row["tried"], row["status"]) == (winner, tried, "ok")
    assert row["price_micro"] == 11 * 100 + 7 * 200
    assert await shop.adds_up()
    assert not leftovers()


@pytest.mark.parametrize("pair", ["hangs-500", "hangs-hangs"])
async def test_where_both_fail_nothing_is_paid_and_both_are_told(
    pair: str, pairs, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    with pytest.raises(openai.InternalServerError) as caught:
        await client_of(shop).chat.completions.create(model=f"pair/{pair}", messages=HI)
    assert caught.value.code == "upstream_slow", "what the first one said"
    assert len(asked_as(peer, before)) == 2
    [row] = await shop.rows()
    assert (row["upstream"], row["tried"], row["price_micro"]) == ("one", "two@IN", 0)
    assert await shop.adds_up() and not leftovers()


async def test_where_both_fail_what_the_caller_named_is_asked_next(
    pairs, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    create: Any = client_of(shop).chat.completions.with_raw_response.create
    reply = await create(model="pair/hangs-500", messages=HI, extra_body={"models": ["other/good"]})
    said = reply.headers
    assert (said["cm-model"], said["cm-attempts"], said["cm-fallback-for"]) == (
        "other/good",
        "3",
        "pair/hangs-500",
    )


async def test_another_model_is_never_asked_beside(
    pairs, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    create: Any = client_of(shop).chat.completions.with_raw_response.create
    reply = await create(model="calm/late", messages=HI, extra_body={"models": ["pair/good-good"]})
    assert reply.headers["cm-upstream"] == "one"
    assert asked_as(peer, before) == ["late"]


async def test_a_caller_who_leaves_ends_both(pairs, open_shop: OpenShop, base_url: str, peer: Peer) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    document = {"model": "pair/hangs-hangs", "messages": HI}
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {shop.key}"}) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{base_url}/v1/chat/completions", json=document, timeout=0.3)
    assert len(asked_as(peer, before)) == 2

    async def alone() -> bool:
        return not leftovers() and (await shop.purse()).held_micro == 0

    assert await until(alone)
    [row] = await shop.rows()
    assert (row["status"], row["tried"], row["price_micro"]) == ("cancelled", "two@IN", 0)


async def test_without_budget_nobody_is_asked_beside(
    pairs, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    pairs._retries = RetryBudget(share=0.0, most=0.0)
    shop, before = await open_shop("1"), len(peer.asked)
    await client_of(shop).chat.completions.create(model="pair/late-good", messages=HI)
    assert asked_as(peer, before) == ["late"]


@pytest.mark.parametrize("wrong", ["0", "-1", "inf", "nan"])
async def test_a_wait_that_is_none_stops_the_start(wrong: str, services: Services, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hedge_after"):
        async with serving(services, tmp_path, f"[routing]\nhedge_after = {wrong}\n"):
            pass


async def test_of_two_answers_at_once_the_first_counts_and_the_other_is_closed() -> None:
    both, closed = asyncio.Event(), list[str]()

    async def ask(who: str) -> str:
        await both.wait()
        return who

    def other() -> str:
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, both.set)
        return "beside"

    async def close(answer: str) -> None:
        closed.append(answer)

    assert await race(ask, "first", 0.01, other, close) == ("first", "first")
    assert closed == ["beside"] and not leftovers()


async def test_cancelling_the_race_cancels_both() -> None:
    cancelled: list[str] = []

    async def ask(who: str) -> str:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(who)
            raise
        return who

    async def close(answer: str) -> None:
        raise AssertionError(answer)

    racing = asyncio.create_task(race(ask, "first", 0.01, lambda: "beside", close))
    await asyncio.sleep(0.1)
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert sorted(cancelled) == ["beside", "first"] and not leftovers()


@pytest.mark.parametrize(
    ("accounts", "asked"), [((True, False), 1), ((False, True), 1), ((True, True), 2), ((False, False), 2)]
)
async def test_accounts_are_not_mixed(accounts: tuple[bool, bool], asked: int, peer: Peer) -> None:
    model = model_of({**SOLD, "id": "late", "upstream": "one", "hedge_after": 0.1})
    terms = Terms("one", "IN", "written down")
    routes = [Route(model, OpenAICompatible(terms, Server(peer.base_url, {})), own=own) for own in accounts]
    trip = Trip([routes[:1], routes[1:]], RoutingRule(), RetryBudget(), "late")
    before = len(peer.asked)
    replied = await trip.reply(Asked("late", HI, Access.system(uuid7()), {}, None, None, 1))
    assert replied.text == TEXT
    assert len(asked_as(peer, before)) == asked
    assert not leftovers()
    for route in routes:
        await route.upstream.close()
