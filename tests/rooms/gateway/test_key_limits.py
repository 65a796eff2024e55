"""Every restriction of a key on every address of /v1: refused with its own status and code, allowed otherwise, free of charge."""

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from callmissed.billing import key_spending, reconcile
from callmissed.foundation.money import Micro, rupees
from callmissed.identity import KEY_SERVICES, KeyLimits
from callmissed.identity.service import keys, rotation
from tests.rooms.gateway.conftest import OpenShop, Shop

SITE = "https://shop.example"
CHAT: dict[str, Any] = {
    "model": "peer/good",
    "messages": [{"role": "user", "content": "Namaste"}],
    "max_tokens": 20,
}
STREAM = {**CHAT, "stream": True}
ROUTES: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "chat": ("POST", "/v1/chat/completions", CHAT),
    "stream": ("POST", "/v1/chat/completions", STREAM),
    "message": ("POST", "/v1/messages", CHAT),
    "streamed message": ("POST", "/anthropic/v1/messages", STREAM),
    "count": ("POST", "/v1/messages/count_tokens", CHAT),
    "models": ("GET", "/v1/models", None),
    "model": ("GET", "/v1/models/peer/good", None),
    "tokens": ("POST", "/v1/tokens", {}),
}
COSTS = {"chat", "stream", "message", "streamed message"}
NAMES_A_MODEL = COSTS | {"count"}


@dataclass(frozen=True)
class Restriction:
    """Limits under which a request is refused so on these routes; `headers` go with it."""

    limits: KeyLimits
    status: int
    code: str
    routes: frozenset[str] = frozenset(ROUTES)
    headers: tuple[tuple[str, str], ...] = ()


HERE, ELSEWHERE = ("127.0.0.0/8",), ("203.0.113.0/24", "2001:db8::/32")
REFUSED = {
    "address": Restriction(KeyLimits(networks=ELSEWHERE), 403, "address_not_allowed"),
    "page of nobody": Restriction(KeyLimits(), 403, "origin_not_allowed", headers=(("origin", SITE),)),
    "program": Restriction(KeyLimits(origins=(SITE,)), 403, "origin_not_allowed"),
    "other page": Restriction(
        KeyLimits(origins=(SITE,)), 403, "origin_not_allowed", headers=(("origin", "https://evil.example"),)
    ),
    "model": Restriction(KeyLimits(models=("local/*",)), 403, "model_not_allowed", frozenset(NAMES_A_MODEL)),
    "budget": Restriction(KeyLimits(monthly_budget=Micro(1)), 402, "key_budget_exhausted", frozenset(COSTS)),
}
ALLOWED = {
    "nothing": (KeyLimits(), ()),
    "address": (KeyLimits(networks=(*ELSEWHERE, *HERE)), ()),
    "page": (KeyLimits(origins=("https://other.example", SITE)), (("origin", SITE),)),
    "model": (KeyLimits(models=("local/*", "peer/go*")), ()),
    "budget": (KeyLimits(monthly_budget=rupees(1)), ()),
    "rates": (KeyLimits(requests_per_minute=2, tokens_per_minute=5_000), ()),
}


async def send(base_url: str, secret: str, route: str, headers: Any = ()) -> httpx.Response:
    method, path, body = ROUTES[route]
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:
        sent = [("authorization", f"Bearer {secret}"), *headers]
        return await client.request(method, path, json=body, headers=sent)


@pytest.mark.parametrize("name", REFUSED)
async def test_a_restriction_refuses_where_it_applies(name: str, open_shop: OpenShop, base_url: str) -> None:
    restriction = REFUSED[name]
    shop = await open_shop("5", limits=restriction.limits)
    for route in ROUTES:
        reply = await send(base_url, shop.key, route, restriction.headers)
        if route in restriction.routes:
            assert (reply.status_code, reply.json()["error"]["code"]) == (
                restriction.status,
                restriction.code,
            ), route
            assert reply.json()["error"].keys() == {"message", "type", "param", "code"}
        elif name == "model" and route == "model":
            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        else:
            assert reply.status_code == 200, (route, reply.text)
    assert await shop.rows() == []
    assert (await shop.purse()).available_micro == rupees(5)


@pytest.mark.parametrize("name", ALLOWED)
async def test_within_its_restrictions_a_key_works_everywhere(
    name: str, open_shop: OpenShop, base_url: str
) -> None:
    limits, headers = ALLOWED[name]
    for route in ROUTES:
        shop = await open_shop("5", limits=limits)
        reply = await send(base_url, shop.key, route, headers)
        assert reply.status_code == 200, (route, reply.text)
        assert ("access-control-allow-origin" in reply.headers) is bool(headers)


@pytest.mark.parametrize("service", KEY_SERVICES)
async def test_each_service_opens_its_own_addresses(service: str, open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop("5", permissions=[], scopes=["usage.read"])
    async with httpx.AsyncClient(
        base_url=base_url, headers={"authorization": f"Bearer {shop.key}"}
    ) as client:
        for path in KEY_SERVICES[service].paths:
            reply = await client.post(f"{path}/completions", json=CHAT)
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, "service_not_allowed")
        assert (await client.get("/v1/models")).status_code == 200
    assert await shop.rows() == []


async def test_rates_are_the_keys_own_and_say_when_to_come_back(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop("5", limits=KeyLimits(requests_per_minute=3))
    replies = [await send(base_url, shop.key, "models") for _ in range(5)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
    assert replies[-1].json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 20


async def test_tokens_are_taken_before_and_given_back_after(open_shop: OpenShop, base_url: str) -> None:
    """A call can need about 100 tokens and uses 18: with 150 a minute the second fits only because the first gave back."""
    shop = await open_shop("5", limits=KeyLimits(tokens_per_minute=150))
    replies = [await send(base_url, shop.key, "chat") for _ in range(9)]
    passed = [reply for reply in replies if reply.status_code == 200]
    assert 2 <= len(passed) <= 8
    assert replies[-1].json()["error"]["code"] == "token_rate_limit_exceeded"
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 60
    assert len(await shop.rows()) == len(passed)


async def test_a_page_asks_first_and_may_read_what_its_key_allows(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop("5", limits=KeyLimits(origins=(SITE,), models=("local/*",)))
    question = {
        "origin": SITE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    async with httpx.AsyncClient(base_url=base_url) as client:
        asked = await client.options("/v1/chat/completions", headers=question)
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, SITE)
        assert "authorization" in asked.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in asked.headers
        assert (await client.options("/v1/chat/completions")).status_code == 404
    refused = await send(base_url, shop.key, "chat", [("origin", SITE)])
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (403, SITE)
    stranger = await send(base_url, shop.key, "models", [("origin", "https://evil.example")])
    assert "access-control-allow-origin" not in stranger.headers


# Budgets


async def spent(shop: Shop) -> tuple[int, int]:
    async with shop.services.db.tenant(shop.access) as tx:
        figures = (await key_spending(tx)).get(shop.key_id)
    return (figures.spent_micro, figures.held_micro) if figures else (0, 0)


@pytest.mark.parametrize("route", ["chat", "stream"])
async def test_sixty_four_calls_at_once_never_pass_the_budget(
    route: str, open_shop: OpenShop, base_url: str
) -> None:
    """One call costs ₹0.0025 and can cost some more: of 64 at once, those pass whose worst case fits, and the sum stays below."""
    budget = Micro(60_000)
    shop = await open_shop("50", limits=KeyLimits(monthly_budget=budget))
    async with httpx.AsyncClient(
        base_url=base_url, timeout=60, headers={"authorization": f"Bearer {shop.key}"}
    ) as client:
        _, path, body = ROUTES[route]
        replies: list[httpx.Response] = []
        taken = 0
        for _ in range(2):
            replies += await asyncio.gather(*(client.post(path, json=body) for _ in range(64)))
            taken, held = await spent(shop)
            assert 0 < taken <= budget and held == 0
    codes = {reply.status_code for reply in replies}
    assert codes == {200, 402}, "some passed, some did not"
    assert sum(int(str(row["price_micro"])) for row in await shop.rows()) == taken
    assert await shop.adds_up()


async def test_a_budget_begins_anew_with_the_month_and_can_be_raised(
    open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("50", limits=KeyLimits(monthly_budget=Micro(12_000)))
    statuses = [(await send(base_url, shop.key, "chat")).status_code for _ in range(6)]
    assert statuses[0] == 200 and statuses[-1] == 402
    async with shop.services.db.tenant(shop.access) as tx:  # a month goes by
        await tx.session.execute(text("UPDATE key_spend SET month_on = month_on - interval '1 month'"))
    assert (await send(base_url, shop.key, "chat")).status_code == 200
    async with shop.services.db.tenant(shop.access) as tx:
        wish = keys.KeyWish("test", ["llm"], (), KeyLimits(monthly_budget=rupees(1)))
        await keys.change_key(tx, shop.key_id, wish)
    for _ in range(100):
        if (await send(base_url, shop.key, "chat")).status_code == 200:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the raised budget has no effect after a second")


async def test_a_rotated_secret_and_a_token_share_the_budget(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop("50", limits=KeyLimits(monthly_budget=Micro(30_000)))
    token = (await send(base_url, shop.key, "tokens")).json()["token"]
    async with shop.services.db.tenant(shop.access) as tx:
        newer = (await rotation.rotate_key(tx, shop.key_id, 1)).secret
    for secret in (shop.key, token, newer):
        assert (await send(base_url, secret, "chat")).status_code == 200
    assert len(await shop.rows()) == 3
    assert (await spent(shop))[0] == sum(int(str(row["price_micro"])) for row in await shop.rows())


async def test_counters_that_went_wrong_are_set_right(open_shop: OpenShop, base_url: str) -> None:
    from callmissed.billing.tasks import recount_keys

    shop = await open_shop("50")
    assert (await send(base_url, shop.key, "chat")).status_code == 200
    right = await spent(shop)
    for sabotage in ("UPDATE key_spend SET spent_micro = 1, held_micro = 7", "DELETE FROM key_spend"):
        async with shop.services.db.tenant(shop.access) as tx:
            await tx.session.execute(text(sabotage))
        assert await spent(shop) != right
        await recount_keys(shop.services)
        assert await spent(shop) == right
    async with shop.services.db.tenant(shop.access) as tx:
        assert (await reconcile(tx)).adds_up
