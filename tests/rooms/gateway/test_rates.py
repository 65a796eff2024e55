"""What every answer tells of its key's limits, in standard headers, and that what they tell is true."""

import re
from typing import Any

import httpx
import pytest

from callmissed.billing import DEFAULT_PLAN
from callmissed.identity import KeyLimits
from tests.rooms.gateway.conftest import OpenShop, Shop

CHAT: dict[str, Any] = {
    "model": "peer/good",
    "messages": [{"role": "user", "content": "Namaste"}],
    "max_tokens": 100,
}


async def ask(base_url: str, shop: Shop, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:
        headers = {"authorization": f"Bearer {shop.key}", **more.pop("headers", {})}
        return await client.post("/v1/chat/completions", json={**CHAT, **more}, headers=headers)


def told(reply: httpx.Response) -> dict[str, tuple[int, int, int]]:
    """Limit, what is left, and seconds until all of it is, by the window's name."""
    policies = dict(re.findall(r'"(\w+)";q=(\d+);w=60', reply.headers["ratelimit-policy"]))
    found = re.findall(r'"(\w+)";r=(\d+);t=(\d+)', reply.headers["ratelimit"])
    return {name: (int(policies[name]), int(left), int(reset)) for name, left, reset in found}


async def test_requests_are_told_with_every_answer(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop()
    for n in range(3):
        reply = await ask(base_url, shop, stream=n == 1)
        limit, left, reset = told(reply)["requests"]
        assert limit == DEFAULT_PLAN.requests_per_minute
        assert limit - n - 1 <= left < limit
        assert 1 <= reset <= 3
    refused = await ask(base_url, shop, model="nobody")
    assert told(refused)["requests"][1] < DEFAULT_PLAN.requests_per_minute


async def test_what_is_left_can_be_asked_and_no_more(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(limits=KeyLimits(requests_per_minute=4))
    first = await ask(base_url, shop)
    limit, left, _ = told(first)["requests"]
    assert (limit, left) == (4, 3)
    assert [(await ask(base_url, shop)).status_code for _ in range(left)] == [200] * left
    over = await ask(base_url, shop)
    assert over.status_code == 429
    assert told(over)["requests"][:2] == (4, 0)
    assert 0 < int(over.headers["retry-after"]) <= 15
    assert 0 < told(over)["requests"][2] <= 60


async def test_tokens_have_a_window_of_their_own(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(limits=KeyLimits(tokens_per_minute=1_000))
    limit, left, reset = told(await ask(base_url, shop))["tokens"]
    assert limit == 1_000
    assert 800 <= left < 1_000
    assert 0 < reset <= 20
    over = await ask(base_url, shop, max_tokens=1_000)
    assert (over.status_code, over.json()["error"]["code"]) == (429, "token_rate_limit_exceeded")
    assert over.headers["retry-after"]


@pytest.mark.parametrize("origin", [None, "https://shop.example"])
async def test_pages_may_read_them_too(origin: str | None, open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(limits=KeyLimits(origins=(origin,) if origin else ()))
    headers = {"origin": origin} if origin else {}
    for more in ({}, {"model": "nobody"}):
        reply = await ask(base_url, shop, headers=headers, **more)
        assert told(reply)["requests"][0] > 0
        if origin:
            assert "ratelimit-policy" in reply.headers["access-control-expose-headers"]


async def test_a_stranger_is_told_nothing(base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as client:
        reply = await client.post("/v1/chat/completions", json=CHAT)
    assert reply.status_code == 401
    assert "ratelimit" not in reply.headers
