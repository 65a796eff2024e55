"""What each end user of a key may cost in a month: whoever a call names, in whichever way, and nobody else's business."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from callmissed.foundation.money import Micro
from callmissed.identity import KeyLimits
from tests.rooms.gateway.conftest import OpenShop
from tests.rooms.gateway.test_key_limits import CHAT, STREAM

BUDGET = Micro(12_000)
"""A call of these holds at most ₹0.01 and costs ₹0.0025."""
MESSAGE = {**CHAT, "metadata": {"user_id": "asha@example.in"}}
NAMED: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "user": ("/v1/chat/completions", {**CHAT, "user": "asha@example.in"}, {}),
    "safety identifier": ("/v1/chat/completions", {**CHAT, "safety_identifier": "asha@example.in"}, {}),
    "header": ("/v1/chat/completions", CHAT, {"x-end-user": "asha@example.in"}),
    "header over member": (
        "/v1/chat/completions",
        {**CHAT, "user": "ravi"},
        {"x-end-user": "asha@example.in"},
    ),
    "stream": ("/v1/chat/completions", {**STREAM, "user": "asha@example.in"}, {}),
    "Anthropic": ("/v1/messages", MESSAGE, {}),
}


@pytest.fixture
async def client(base_url: str) -> Any:
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as made:
        yield made


async def ask(
    client: httpx.AsyncClient, key: str, path: str, body: Any, headers: Any = None
) -> httpx.Response:
    return await client.post(path, json=body, headers={"authorization": f"Bearer {key}", **(headers or {})})


@pytest.mark.parametrize("way", NAMED)
async def test_whoever_is_named_has_a_budget(
    way: str, client: httpx.AsyncClient, open_shop: OpenShop
) -> None:
    shop = await open_shop("50", limits=KeyLimits(end_user_budget=BUDGET))
    path, body, headers = NAMED[way]
    replies = [await ask(client, shop.key, path, body, headers) for _ in range(6)]
    assert replies[0].status_code == 200 and replies[-1].status_code == 402
    if path != "/v1/messages":  # Anthropic's errors have a type and no code
        assert replies[-1].json()["error"]["code"] == "end_user_budget_exceeded"
    assert (await ask(client, shop.key, path, {**CHAT, "user": "ravi"})).status_code == 200
    assert await shop.adds_up()


async def test_by_whichever_name_it_is_the_same_person(
    client: httpx.AsyncClient, open_shop: OpenShop
) -> None:
    shop = await open_shop("50", limits=KeyLimits(end_user_budget=Micro(1_000_000)))
    for path, body, headers in NAMED.values():
        assert (await ask(client, shop.key, path, body, headers)).status_code == 200
    async with shop.services.db.tenant(shop.access) as tx:
        (row,) = (await tx.session.execute(text("SELECT spent_micro, held_micro FROM end_user_spend"))).all()
    assert (row.spent_micro, row.held_micro) == (
        sum(int(str(each["price_micro"])) for each in await shop.rows()),
        0,
    )


async def test_calls_that_name_nobody_count_together(client: httpx.AsyncClient, open_shop: OpenShop) -> None:
    shop = await open_shop("50", limits=KeyLimits(end_user_budget=BUDGET))
    ways: list[dict[str, Any]] = [CHAT, {**CHAT, "user": None}, {**CHAT, "user": "  "}, CHAT, CHAT]
    statuses = [(await ask(client, shop.key, "/v1/chat/completions", body)).status_code for body in ways]
    assert statuses[0] == 200 and statuses[-1] == 402


@pytest.mark.parametrize("user", [7, ["asha"], "x" * 513])
async def test_what_cannot_be_a_name_is_refused_before_it_costs(
    user: Any, client: httpx.AsyncClient, open_shop: OpenShop
) -> None:
    shop = await open_shop("50", limits=KeyLimits(end_user_budget=BUDGET))
    reply = await ask(client, shop.key, "/v1/chat/completions", {**CHAT, "user": user})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "end_user_unusable")
    assert not await shop.rows()


async def test_nobody_keeps_what_they_are_called_and_no_other_workspace_shares_their_count(
    client: httpx.AsyncClient, open_shop: OpenShop
) -> None:
    shops = [await open_shop("50", limits=KeyLimits(end_user_budget=BUDGET)) for _ in range(2)]
    path, body, headers = NAMED["user"]
    tags: list[str] = []
    for shop in shops:
        assert (await ask(client, shop.key, path, body, headers)).status_code == 200
        async with shop.services.db.tenant(shop.access) as tx:
            tags += [str(row.id) for row in await tx.session.execute(text("SELECT id FROM end_user_spend"))]
            rows = (
                await tx.session.execute(text("SELECT row_to_json(u)::text AS said FROM usage_record u"))
            ).all()
        assert rows and not any("asha" in row.said for row in rows)
    assert len(set(tags)) == 2


async def test_a_program_reads_what_one_has_cost(client: httpx.AsyncClient, open_shop: OpenShop) -> None:
    shop = await open_shop("50", permissions=["llm", "usage.read"], limits=KeyLimits(end_user_budget=BUDGET))
    path, body, _ = NAMED["user"]
    await ask(client, shop.key, path, body)
    from callmissed.billing import end_user_spending
    from callmissed.gateway import end_user_tag

    async with shop.services.db.tenant(shop.access) as tx:
        tag = end_user_tag(tx.vault.vault, tx.tenant_id, b"asha@example.in")
        spent = await end_user_spending(tx, tag)
    (row,) = await shop.rows()
    assert (spent.spent_micro, spent.held_micro) == (int(str(row["price_micro"])), 0)


async def test_lines_of_a_batch_count_too(open_shop: OpenShop) -> None:
    from callmissed.billing.problems import EndUserBudgetExhausted
    from callmissed.foundation.ids import uuid7
    from callmissed.gateway.batches.calling import ask as ask_line
    from callmissed.identity import KeyRing

    shop = await open_shop("50", limits=KeyLimits(end_user_budget=BUDGET))
    key = await shop.services.get(KeyRing).resolve(shop.key)
    body = json.dumps({**CHAT, "user": "asha"}).encode()

    async def keep(_: bytes) -> None:
        return None

    with pytest.raises(EndUserBudgetExhausted):
        for _ in range(6):
            await ask_line(shop.services, key, "/v1/chat/completions", body, uuid7(), keep)
    assert await shop.adds_up()


async def test_a_visitor_does_not_choose_a_name_the_token_does(
    client: httpx.AsyncClient, open_shop: OpenShop
) -> None:
    shop = await open_shop("50", limits=KeyLimits(end_user_budget=BUDGET))
    path = "/v1/chat/completions"

    async def token(**wished: Any) -> str:
        reply = await ask(client, shop.key, "/v1/tokens", {"ttl": 60, **wished})
        return str(reply.json()["token"])

    visitor, asha, ravi = await token(), await token(end_user="asha"), await token(end_user="ravi")
    statuses = [
        (
            await ask(client, visitor, path, {**CHAT, "user": f"n{each}"}, {"x-end-user": f"h{each}"})
        ).status_code
        for each in range(6)
    ]
    assert statuses[0] == 200 and statuses[-1] == 402, "whoever they say they are, they count together"
    named = [(await ask(client, asha, path, {**CHAT, "user": "ravi"})).status_code for _ in range(6)]
    assert named[-1] == 402
    assert (await ask(client, shop.key, path, {**CHAT, "user": "asha"})).status_code == 402, (
        "one person, one count"
    )
    assert (await ask(client, ravi, path, CHAT)).status_code == 200
