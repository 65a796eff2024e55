"""What /v1 tells for free: the models with their terms, what a call would cost, what one has cost; and models that end."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import text

from callmissed.foundation import clock
from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams
from callmissed.identity import KeyLimits
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.served import HI, asked_as, served, serving, upstream
from tests.support.peer import Peer

YESTERDAY, TOMORROW = (clock.today() + timedelta(days=days) for days in (-1, 1))
GONE = {"deprecated_on": '"2026-01-01"', "ends_on": f'"{YESTERDAY}"', "successor": '"shop/good"'}
GOING = {"deprecated_on": '"2026-01-01"', "ends_on": f'"{TOMORROW}"', "successor": '"shop/good"'}


@pytest.fixture(scope="module")
async def shelf(
    services: Services, peer: Peer, base_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Upstreams]:
    """A good model at two upstreams, one that ends tomorrow, one that ended yesterday, and a dear one."""
    able = served("shop/good", "good", abilities='["tools", "stream"]', name='"Good"')
    old = [served("shop/going", "good", **GOING), served("shop/gone", "good", **GONE)]
    dear = served("shop/dear", "good", price_in='"0.000001"', price_out='"900.5"')
    home: Path = tmp_path_factory.mktemp("shelf")
    one = upstream("one", peer.base_url, [able, *old, dear, served("shop/slow", "slowly")])
    two = upstream("two", peer.base_url, [able | {"order": "1"}])
    async with serving(services, home, one, two) as made:
        yield made


async def get(base_url: str, shop: Shop, path: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"{base_url}{path}", headers={"authorization": f"Bearer {shop.key}"})


async def quoted(base_url: str, shop: Shop, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        headers = {"authorization": f"Bearer {shop.key}"}
        return await client.post(f"{base_url}/v1/quote", json=body, headers=headers)


async def test_models_say_what_they_can_what_they_cost_and_where_they_run(
    shelf: Upstreams, open_shop: OpenShop, client_of: ClientOf, base_url: str
) -> None:
    shop = await open_shop("0")
    listed = {each.id: each for each in (await client_of(shop).models.list()).data}
    assert {"shop/good", "shop/going", "shop/dear", "local/extractive"} <= listed.keys()
    assert "shop/gone" not in listed
    document = (await get(base_url, shop, "/v1/models/shop/good")).json()
    assert document["abilities"] == ["stream", "tools"]
    assert document["pricing"] == {
        "currency": "INR", "unit": "10 lakh tokens", "input": 100.0, "output": 200.0, "prompt": "0.0001", "completion": "0.0002",
    }  # fmt: skip
    assert document["regions"] == ["IN"]
    assert [each["name"] for each in document["upstreams"]] == ["one", "two"]
    assert (document["context_window"], document["name"], document["ends_on"]) == (8000, "Good", None)
    whole = (await get(base_url, shop, "/v1/models")).json()
    assert whole["catalogue_version"] == shelf.version
    assert shelf.version.partition("+")[2]


async def test_a_model_that_goes_says_so_in_every_answer(
    shelf, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    create: Any = client_of(shop).chat.completions.with_raw_response.create
    reply = await create(model="shop/going", messages=HI)
    assert reply.headers["deprecation"] == "@1767205800"  # 1 January 2026, 00:00 IST
    assert reply.headers["sunset"].endswith(" 18:30:00 GMT")
    fresh = await create(model="shop/good", messages=HI)
    assert "deprecation" not in fresh.headers


@pytest.mark.parametrize("as_fallback", [False, True])
async def test_a_model_that_has_ended_is_refused_with_its_successor(
    as_fallback: bool, shelf, open_shop: OpenShop, client_of: ClientOf, base_url: str, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    model, more = ("shop/good", {"models": ["shop/gone"]}) if as_fallback else ("shop/gone", {})
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(model=model, messages=HI, extra_body=more)
    assert (caught.value.status_code, caught.value.code) == (410, "model_retired")
    assert f"ended on {YESTERDAY}. Use shop/good instead" in caught.value.message
    assert asked_as(peer, before) == []
    assert (await get(base_url, shop, "/v1/models/shop/gone")).status_code == 410
    assert await shop.rows() == []


async def test_it_is_answered_to_its_last_day_and_no_longer(shelf, open_shop: OpenShop, client_of) -> None:
    shop = await open_shop("1")
    await client_of(shop).chat.completions.create(model="shop/going", messages=HI)
    with clock.travel(days=1), pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(model="shop/going", messages=HI)
    assert caught.value.status_code == 410


async def test_a_quote_is_what_is_held_and_what_is_charged_and_asks_nobody(
    shelf, open_shop: OpenShop, base_url: str, client_of: ClientOf, peer: Peer, services: Services
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    body: dict[str, Any] = {"model": "shop/slow", "messages": HI, "max_tokens": 50}
    told = (await quoted(base_url, shop, body)).json()
    assert (asked_as(peer, before), await shop.rows()) == ([], [])
    assert (await shop.purse()).held_micro == 0
    stream = await client_of(shop).chat.completions.create(**body, stream=True)
    await anext(aiter(stream))
    async with services.db.tenant(shop.books) as tx:
        held = (await tx.session.execute(text("SELECT sum(amount_micro) FROM wallet_hold"))).scalar()
    assert Decimal(told["held"]) == Decimal(str(held)) / 1_000_000
    async for _ in stream:
        pass
    [row] = await shop.rows()
    assert 0 < Decimal(str(row["price_micro"])) / 1_000_000 <= Decimal(told["held"])


async def test_a_quotes_parts_are_the_later_charge(
    shelf, open_shop: OpenShop, base_url: str, client_of
) -> None:
    shop = await open_shop("5")
    asked = [{"role": "user", "content": "We open at nine in the morning.\n\nWhen do you open?"}]
    told = (await quoted(base_url, shop, {"model": "local/extractive", "messages": asked})).json()
    reply = await client_of(shop).chat.completions.create(model="local/extractive", messages=asked)
    [row] = await shop.rows()
    assert row["tokens_in"] == told["tokens_in"] == reply.usage.prompt_tokens
    [model] = told["models"]
    written = int(str(row["tokens_out"]))
    charge = Decimal(model["input"]) + written * Decimal(model["pricing"]["completion"])
    assert Decimal(str(row["price_micro"])) / 1_000_000 == charge.quantize(Decimal("0.000001"))
    assert written > 0


async def test_a_quote_covers_the_dearest_that_may_answer(shelf, open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop("0")
    both = {"model": "shop/good", "models": ["shop/dear"], "messages": HI}
    told = (await quoted(base_url, shop, both)).json()
    assert [each["id"] for each in told["models"]] == ["shop/good", "shop/dear"]
    assert Decimal(told["held"]) == max(Decimal(each["at_most"]) for each in told["models"])
    assert told["models"][1]["pricing"]["prompt"] == "0.000000000001"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "nowhere", "messages": HI}, 404, "model_not_found"),
        ({"model": "shop/good", "messages": [{"role": "user", "content": "word " * 9000}]}, 400, "context_length_exceeded"),
        ({"model": "local/extractive", "messages": HI, "n": 2}, 400, "unsupported_parameter"),
        ({"messages": HI}, 400, "invalid_request"),
    ],
)  # fmt: skip
async def test_a_quote_refuses_what_the_call_would_be_refused(
    body: dict[str, Any], status: int, code: str, shelf, open_shop: OpenShop, base_url: str
) -> None:
    reply = await quoted(base_url, await open_shop("0"), body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


async def test_a_key_sees_and_quotes_only_models_it_may_ask(
    shelf, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("0", limits=KeyLimits(models=("shop/d*",)))
    assert [each["id"] for each in (await get(base_url, shop, "/v1/models")).json()["data"]] == ["shop/dear"]
    assert (await get(base_url, shop, "/v1/models/shop/gone")).status_code == 404, "not even that it ended"
    assert (await quoted(base_url, shop, {"model": "shop/good", "messages": HI})).status_code == 403


@pytest.mark.parametrize("prefix", ["", "chatcmpl-"])
async def test_one_request_is_told_to_its_workspace_and_to_nobody_else(
    prefix: str, shelf, open_shop: OpenShop, base_url: str, client_of: ClientOf
) -> None:
    shop, stranger = await open_shop("1"), await open_shop("1")
    create: Any = client_of(shop).chat.completions.with_raw_response.create
    reply = await create(model="shop/good", messages=HI)
    path = f"/v1/generation?id={prefix}{reply.headers['cm-usage-id']}"
    told = (await get(base_url, shop, path)).json()["data"]
    assert told["total_cost"] == reply.headers["cm-cost-inr"].rstrip("0") == "0.0025"
    assert (told["model"], told["provider_name"], told["region"], told["tried"]) == (
        "shop/good",
        "one",
        "IN",
        [],
    )
    assert (told["tokens_prompt"], told["tokens_completion"], told["status"]) == (11, 7, "ok")
    refused = await get(base_url, stranger, path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "usage_not_found")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "generation_unnamed"),
        ("?id=x", 400, "generation_unnamed"),
        ("?id=0199d0a0-0000-7000-8000-000000000000", 404, "usage_not_found"),
    ],
)
async def test_a_request_that_is_not_named_or_not_there(
    query: str, status: int, code: str, shelf, open_shop: OpenShop, base_url: str
) -> None:
    reply = await get(base_url, await open_shop("0"), f"/v1/generation{query}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
