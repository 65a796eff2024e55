"""Several upstreams for one model, and models that a caller takes instead: who is asked, who is told, who is charged."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams
from callmissed.identity import KeyLimits
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.rooms.gateway.served import HI, asked_as, served, serving, upstream
from tests.support.peer import Peer

pytestmark = pytest.mark.faults

MOVES_ON = ("401", "429", "500", "503", "hangs", "resets")
STAYS = {"400": "upstream_rejected", "garbage": "upstream_broken", "short": "upstream_broken"}
DEAR = {"price_in": '"300"', "price_out": '"900"'}
HOLD_SHORT = "concurrency = 1\nqueue = 0\nbreaker = false"


@pytest.fixture(scope="module")
async def routes(
    services: Services, peer: Peer, base_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Upstreams]:
    """`both/X` goes to one, which behaves as X, then to two, which is good. `lone/X` goes to one alone."""
    at = peer.base_url
    misbehaving = [*MOVES_ON, *STAYS, "breaks", "stalls"]
    first = [
        *(served(f"both/{each}", each) for each in misbehaving),
        *(served(f"lone/{each}", each) for each in (*misbehaving, "recovers")),
    ]
    second = [served(f"both/{each}", "good", order="1") for each in misbehaving]
    other = [served("other/good", "good", **DEAR), served("other/small", "good", context="2")]
    home: Path = tmp_path_factory.mktemp("routes")
    narrow = upstream("narrow", at, [served("narrow/slowly", "slowly")], limits=HOLD_SHORT)
    paused = upstream("weak", at, [served("weak/500", "500")], limits="breaker = {least = 2, rest = 60}")
    parts = [
        upstream("one", at, first),
        upstream("two", at, second),
        upstream("three", at, other),
        narrow,
        paused,
    ]
    async with serving(services, home, *parts) as made:
        yield made


@pytest.mark.parametrize("behaviour", MOVES_ON)
@pytest.mark.parametrize("stream", [False, True])
async def test_another_upstream_answers_for_one_that_does_not(
    behaviour: str, stream: bool, routes, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    raw = client_of(shop).chat.completions.with_raw_response
    with_usage = {"stream_options": {"include_usage": True}} if stream else {}
    reply: Any = await raw.create(
        model=f"both/{behaviour}", messages=HI, stream=stream, extra_body=with_usage
    )
    said = reply.headers
    assert (said["cm-model"], said["cm-upstream"], said["cm-attempts"]) == (f"both/{behaviour}", "two", "2")
    assert "cm-fallback-for" not in said, "the model was not replaced"
    text = ""
    if stream:
        async for chunk in reply.parse():
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    else:
        text = reply.parse().choices[0].message.content
    assert text == "Namaste, the visit costs ₹399."
    [row] = await shop.rows()
    assert (row["upstream"], row["tried"], row["status"]) == ("two", "one@IN", "ok")
    assert row["price_micro"] == (11 * 100 + 7 * 200)
    assert await shop.adds_up()


@pytest.mark.parametrize(("behaviour", "code"), STAYS.items())
async def test_nobody_else_is_asked_when_there_was_an_answer_or_the_caller_is_wrong(
    behaviour: str, code: str, routes, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(model=f"both/{behaviour}", messages=HI)
    assert caught.value.code == code
    assert asked_as(peer, before) == [behaviour]
    [row] = await shop.rows()
    assert (row["price_micro"], row["tried"], row["upstream"]) == (0, None, "one")


@pytest.mark.parametrize("behaviour", ["breaks", "stalls"])
async def test_nobody_else_is_asked_after_a_piece_was_given_out(
    behaviour: str, routes, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    body = {"models": ["other/good"]}
    stream = await client_of(shop).chat.completions.create(
        model=f"both/{behaviour}", messages=HI, stream=True, extra_body=body
    )
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass
    assert asked_as(peer, before) == [behaviour]


async def test_a_model_is_replaced_only_by_one_its_caller_named_and_that_is_told(
    routes, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    create: Any = client_of(shop).chat.completions.with_raw_response.create
    with pytest.raises(openai.APIStatusError):
        await create(model="lone/500", messages=HI)
    reply = await create(model="lone/500", messages=HI, extra_body={"models": ["lone/500", "other/good"]})
    assert reply.headers["cm-fallback-for"] == "lone/500"
    assert (reply.headers["cm-model"], reply.parse().model) == ("other/good", "other/good")
    assert reply.headers["cm-attempts"] == "2"
    failed, row = await shop.rows()
    assert (failed["status"], failed["model"]) == ("failed", "lone/500")
    assert (row["model"], row["price_micro"]) == ("other/good", 11 * 300 + 7 * 900), (
        "the price of who answered"
    )


async def test_the_dearest_that_may_answer_is_held_before_anybody_is_asked(
    routes, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("0.3"), len(peer.asked)  # enough for lone (0.2…), not for other (0.9…)
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(
            model="lone/500", messages=HI, extra_body={"models": ["other/good"]}
        )
    assert caught.value.status_code == 402
    assert asked_as(peer, before) == []
    with pytest.raises(openai.APIStatusError) as alone:
        await client_of(shop).chat.completions.create(model="lone/500", messages=HI)
    assert alone.value.status_code == 502, "alone, it is asked"


@pytest.mark.parametrize(
    ("models", "status", "code"),
    [(["nowhere"], 404, "model_not_found"), (["a", "b", "c", "d"], 400, "invalid_request"), ("other/good", 400, "invalid_request")],
)  # fmt: skip
async def test_a_fallback_that_cannot_be_is_refused_before_anything_is_asked(
    models: Any, status: int, code: str, routes, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(
            model="other/good", messages=HI, extra_body={"models": models}
        )
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert asked_as(peer, before) == []


async def test_a_key_may_fall_back_only_to_models_it_may_ask(routes, open_shop, client_of: ClientOf) -> None:
    shop = await open_shop("1", limits=KeyLimits(models=("lone/*",)))
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await client_of(shop).chat.completions.create(
            model="lone/500", messages=HI, extra_body={"models": ["other/good"]}
        )
    assert caught.value.code == "model_not_allowed"


async def test_a_fallback_that_cannot_read_so_much_is_left_out(
    routes, open_shop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(
            model="lone/500", messages=HI, extra_body={"models": ["other/small"]}
        )
    assert caught.value.code == "upstream_broken"
    [row] = await shop.rows()
    assert row["model"] == "lone/500"


async def test_what_was_not_reached_is_asked_again_when_nobody_else_is_left(
    routes, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    reply: Any = await client_of(shop).chat.completions.with_raw_response.create(
        model="lone/500", messages=HI, extra_body={"models": ["lone/recovers"]}
    )
    assert asked_as(peer, before) == ["500", "recovers", "recovers"]
    assert (reply.headers["cm-model"], reply.headers["cm-attempts"]) == ("lone/recovers", "3")
    assert "models" not in peer.asked[-1]["body"], "our own member does not travel on"


async def test_an_upstream_takes_so_many_at_once_and_then_says_when(
    routes, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("5")
    client = client_of(shop).chat.completions
    first = await client.create(model="narrow/slowly", messages=HI, stream=True)
    with pytest.raises(openai.APIStatusError) as caught:
        await client.create(model="narrow/slowly", messages=HI)
    assert (caught.value.status_code, caught.value.code) == (503, "upstream_crowded")
    assert caught.value.response.headers["retry-after"] == "1"
    instead: Any = await client.create(
        model="narrow/slowly", messages=HI, extra_body={"models": ["other/good"]}
    )
    assert instead.model == "other/good"
    async for _ in first:
        pass
    again = await client.create(model="narrow/slowly", messages=HI)
    assert again.model == "narrow/slowly"


async def test_an_upstream_that_keeps_failing_is_not_asked_for_a_while(
    routes, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    refused: list[openai.APIStatusError] = []
    for _ in range(4):
        with pytest.raises(openai.APIStatusError) as caught:
            await client_of(shop).chat.completions.create(model="weak/500", messages=HI)
        refused.append(caught.value)
    assert [each.code for each in refused] == ["upstream_broken"] * 2 + ["upstream_paused"] * 2
    assert len(asked_as(peer, before)) == 2
    assert 0 < int(refused[-1].response.headers["retry-after"]) <= 60


async def test_a_reader_who_leaves_while_another_is_asked_ends_it_all(
    routes, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("1")
    headers = {"authorization": f"Bearer {shop.key}"}
    body = {"model": "lone/hangs", "models": ["lone/stalls"], "messages": HI}
    with pytest.raises(httpx.ReadTimeout):
        async with httpx.AsyncClient(timeout=0.2) as client:
            await client.post(f"{base_url}/v1/chat/completions", json=body, headers=headers)
    ended = time.monotonic() + 3
    while not (rows := await shop.rows()) and time.monotonic() < ended:
        await asyncio.sleep(0.02)
    assert [(row["status"], row["price_micro"]) for row in rows] == [("cancelled", 0)]
    assert (await shop.purse()).held_micro == 0
