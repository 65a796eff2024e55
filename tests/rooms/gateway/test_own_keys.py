"""Workspaces bring keys of their own: what arrives is theirs alone, costs their wallet nothing, and is gone when they say so."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from anthropic import AsyncAnthropic
from sqlalchemy import text

from callmissed.foundation import audit
from callmissed.foundation.services import Services
from callmissed.gateway import CompletionRequest, OwnKeys, complete, provider_keys
from callmissed.gateway.problems import OwnKeyMissing
from callmissed.gateway.tasks import forget_provider_key
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.own import HERS, HIS, OPERATORS, bring, take_out, taking
from tests.rooms.gateway.served import HI, let_leave, serving
from tests.support.mailbox import send_waiting
from tests.support.supplier import SAID, Supplier, running_supplier


@dataclass
class Market:
    """Two suppliers: one that speaks as OpenAI does, one as Anthropic."""

    gpt: Supplier
    claude: Supplier


@pytest.fixture
async def market(services: Services, base_url: str, tmp_path: Path) -> AsyncGenerator[Market]:
    """`gpt` on the operator's account or the caller's own; `only` on the caller's alone; `claude` likewise; `loose` without a contract
    of the operator's; `far` abroad."""
    assert base_url
    async with running_supplier(OPERATORS, HIS, HERS) as gpt, running_supplier(HIS) as claude:
        at = gpt.base_url
        parts = (
            taking("gpt", at, "may", models=("chat", "both/x")),
            taking("only", at, "must", key="", contract="", models=("chat", "vectors")).replace(
                'id = "only/vectors"', 'id = "only/vectors"\nkind = "embedding"'
            ),
            taking("second", at, "no", models=("both/x",)),
            taking("claude", claude.base_url, "must", key="", kind="anthropic"),
            taking("loose", at, "may", contract=""),
            taking("far", at, "may", region="US"),
        )
        async with serving(services, tmp_path, *parts, india_only=False):
            yield Market(gpt, claude)


async def asked(client: Any, model: str, **more: Any) -> Any:
    return await client.chat.completions.with_raw_response.create(model=model, messages=HI, **more)


async def refused(client: Any, model: str, **more: Any) -> str:
    with pytest.raises(openai.APIStatusError) as caught:
        await asked(client, model, **more)
    assert HIS not in str(caught.value)
    assert HERS not in str(caught.value)
    return caught.value.code or ""


async def test_what_arrives_is_the_key_of_whoever_asks(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    his, hers, nobodys = [await open_shop("10") for _ in range(3)]
    await bring(services, his, "gpt", HIS)
    await bring(services, hers, "gpt", HERS)
    market.gpt.seen.clear()
    for shop in (his, hers, nobodys, hers, his):
        reply = await asked(client_of(shop), "gpt/chat")
        assert reply.parse().choices[0].message.content == SAID
        assert (reply.headers.get("cm-own-key") == "true") is (shop is not nobodys)
    assert market.gpt.keys() == [HIS, HERS, OPERATORS, HERS, HIS]


async def test_own_calls_cost_nothing_and_are_recorded_as_such(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("0")
    assert await refused(client_of(shop), "gpt/chat") == "insufficient_quota"
    await bring(services, shop, "gpt", HIS)
    reply = await asked(client_of(shop), "gpt/chat")
    assert reply.headers["cm-cost-inr"] == "0.000000"
    row = (await shop.rows())[-1]
    assert (row["own_key"], row["price_micro"], row["price_in_micro"], row["may_train"]) == (
        True,
        0,
        0,
        False,
    )
    assert (row["tokens_in"], row["tokens_out"], row["status"], row["upstream"]) == (11, 7, "ok", "gpt")
    assert (await shop.purse()).held_micro == 0
    assert await shop.adds_up()


async def test_a_streamed_answer_and_vectors_go_over_the_own_account_too(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("0")
    await bring(services, shop, "only", HIS)
    market.gpt.seen.clear()
    client: Any = client_of(shop)
    stream = await client.chat.completions.create(model="only/chat", messages=HI, stream=True)
    assert "".join([each.choices[0].delta.content or "" async for each in stream if each.choices]) == SAID
    made = await client.embeddings.create(model="only/vectors", input="Namaste", encoding_format="float")
    assert made.data[0].embedding == [0.5]
    assert [each.key for each in market.gpt.seen] == [HIS, HIS]
    assert [(row["own_key"], row["price_micro"]) for row in await shop.rows()] == [(True, 0), (True, 0)]


@pytest.mark.parametrize("streamed", [False, True])
async def test_anthropics_own_language_carries_the_key_in_its_own_header(
    streamed: bool, market: Market, services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("0")
    await bring(services, shop, "claude", HIS)
    said: Any = {"model": "claude/chat", "max_tokens": 20, "messages": HI}
    async with AsyncAnthropic(base_url=base_url, api_key=shop.key, max_retries=0) as client:
        if streamed:
            async with client.messages.stream(**said) as stream:
                assert await stream.get_final_text() == SAID
        else:
            [block] = (await client.messages.create(**said)).content
            assert block.model_dump()["text"] == SAID
    assert market.claude.keys("/v1/messages") == [HIS]


async def test_models_that_ask_for_a_key_are_those_of_who_brought_one(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop, other = await open_shop("10"), await open_shop("10")
    assert await refused(client_of(shop), "only/chat") == "own_key_missing"
    assert "only/chat" not in await _listed(client_of(shop))
    await bring(services, shop, "only", HIS)
    assert "only/chat" in await _listed(client_of(shop))
    assert "only/chat" not in await _listed(client_of(other))
    assert await refused(client_of(other), "only/chat") == "own_key_missing"
    shown: Any = await client_of(shop).models.retrieve("only/chat")
    assert (shown.own_key, shown.pricing["input"]) == (True, 0)


async def _listed(client: Any) -> list[str]:
    return [each.id for each in (await client.models.list()).data]


async def test_a_key_that_was_taken_out_is_used_no_more_and_cannot_be_opened(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("10")
    key_id = await bring(services, shop, "only", HIS)
    await asked(client_of(shop), "only/chat")
    async with services.db.tenant(shop.access) as tx:
        assert list(await tx.vault.key_ids(key_id))
    await take_out(services, shop, key_id)
    async with asyncio.timeout(1):
        while await _answers(client_of(shop), "only/chat"):
            await asyncio.sleep(0.02)
    assert await refused(client_of(shop), "only/chat") == "own_key_missing"
    await forget_provider_key(services, tenant_id=str(shop.access.tenant_id), key_id=str(key_id))
    async with services.db.tenant(shop.access) as tx:
        assert not await tx.vault.key_ids(key_id)
        assert await tx.session.scalar(text("SELECT count(*) FROM provider_key")) == 0


async def _answers(client: Any, model: str) -> bool:
    try:
        await asked(client, model)
    except openai.APIStatusError:
        return False
    return True


async def test_a_replaced_key_is_used_no_more(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("0")
    await bring(services, shop, "only", HIS)
    await asked(client_of(shop), "only/chat")
    await bring(services, shop, "only", HERS)
    async with asyncio.timeout(1):
        while market.gpt.seen[-1].key != HERS:
            await asked(client_of(shop), "only/chat")
    async with services.db.tenant(shop.access) as tx:
        [card] = await provider_keys.cards(tx)
        leaves = await audit.recent(tx, limit=2)
    assert card.last_four == HERS[-4:]
    assert [leaf.action for leaf in leaves] == [
        "gateway:provider_key:replaced",
        "gateway:provider_key:brought",
    ]
    assert leaves[0].body["contract"] == "Enterprise agreement 7"


async def test_the_operators_account_is_asked_only_where_that_was_ticked(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    strict, easy = await open_shop("10"), await open_shop("10")
    await bring(services, strict, "gpt", HIS)
    await bring(services, easy, "gpt", HERS, falls_back=True)
    market.gpt.customers = {OPERATORS}
    market.gpt.seen.clear()
    assert await refused(client_of(strict), "gpt/chat") == "own_key_refused"
    assert await refused(client_of(strict), "both/x") == "own_key_refused", "nor over another supplier"
    assert set(market.gpt.keys()) == {HIS}
    reply = await asked(client_of(easy), "gpt/chat")
    assert (reply.headers["cm-attempts"], "cm-own-key" in reply.headers) == ("2", False)
    assert market.gpt.keys()[-2:] == [HERS, OPERATORS]
    row = (await easy.rows())[-1]
    assert (row["own_key"], bool(row["price_micro"]), row["tried"]) == (False, True, "gpt@IN")
    assert await easy.adds_up()


async def test_a_refused_key_stops_nobody_else_and_its_owner_is_told_once(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop, other = await open_shop("10"), await open_shop("10")
    key_id = await bring(services, shop, "gpt", HIS)
    market.gpt.customers = {OPERATORS}
    for _ in range(6):
        assert await refused(client_of(shop), "gpt/chat") == "own_key_refused"
    assert (await asked(client_of(other), "gpt/chat")).headers["cm-upstream"] == "gpt", "its breaker is shut"
    async with asyncio.timeout(5):
        while (await _card(services, shop)).is_accepted:
            await asyncio.sleep(0.02)
    letters = text(
        "SELECT count(*) FROM mail_message WHERE template = 'gateway.own_key_refused' AND person_id = :id"
    )
    async with services.db.control() as tx:
        assert await tx.session.scalar(letters, {"id": shop.access.actor.id}) == 1
    await send_waiting(services)
    assert not await provider_keys.ask_again(services, shop.access, key_id)
    market.gpt.customers = {OPERATORS, HIS}
    assert await provider_keys.ask_again(services, shop.access, key_id)
    async with services.db.tenant(shop.access) as tx:
        await provider_keys.note(tx, key_id, accepted=True)
    assert (await _card(services, shop)).is_accepted


async def _card(services: Services, shop: Shop) -> provider_keys.Card:
    async with services.db.tenant(shop.access) as tx:
        [card] = await provider_keys.cards(tx)
    return card


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_trouble_on_an_own_account_is_not_the_others(
    status: int, market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop, other = await open_shop("0"), await open_shop("10")
    await bring(services, shop, "gpt", HIS)
    market.gpt.answers = status
    codes = [await refused(client_of(shop), "gpt/chat") for _ in range(5)]
    assert codes[0] in {"upstream_busy", "upstream_broken"}
    market.gpt.answers = 200
    assert (await asked(client_of(other), "gpt/chat")).headers["cm-upstream"] == "gpt"


async def test_india_only_holds_for_own_keys(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("0")
    await bring(services, shop, "far", HIS)
    market.gpt.seen.clear()
    assert await refused(client_of(shop), "far/chat") == "outside_india"
    assert market.gpt.seen == []
    await let_leave(services, shop)
    async with asyncio.timeout(1):
        while not await _answers(client_of(shop), "far/chat"):
            await asyncio.sleep(0.02)
    assert (await shop.rows())[-1]["region"] == "US"


async def test_a_contract_of_the_workspaces_own_opens_what_the_operator_has_none_for(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop, other = await open_shop("10"), await open_shop("10")
    await bring(services, shop, "loose", HIS)
    await asked(client_of(shop), "loose/chat")
    assert (await shop.rows())[-1]["may_train"] is False
    assert await refused(client_of(other), "loose/chat") == "contract_missing"


async def test_bots_and_the_playground_use_it_as_keys_do(
    market: Market, services: Services, open_shop: OpenShop
) -> None:
    shop = await open_shop("0")
    await bring(services, shop, "only", HIS)
    request = CompletionRequest("only/chat", HI)
    with pytest.raises(OwnKeyMissing):
        await complete(services, shop.access, request)
    async with services.db.tenant(shop.access) as tx:
        own = await services.get(OwnKeys).read(tx)
    done = await complete(services, shop.access, request, own=own)
    assert (done.text, done.price_micro) == (SAID, 0)
    assert HIS not in repr(own)


async def test_a_quote_says_that_nothing_is_taken(
    market: Market, services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("0")
    await bring(services, shop, "gpt", HIS)
    async with httpx.AsyncClient(
        base_url=base_url, headers={"authorization": f"Bearer {shop.key}"}
    ) as client:
        told = (await client.post("/v1/quote", json={"model": "gpt/chat", "messages": HI})).json()
    assert (told["held"], told["models"][0]["at_most"]) == ("0", "0")


async def test_the_key_stands_nowhere_in_the_clear(
    market: Market,
    services: Services,
    open_shop: OpenShop,
    client_of: ClientOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = await open_shop("0")
    with caplog.at_level(logging.DEBUG):
        await bring(services, shop, "gpt", HIS)
        await asked(client_of(shop), "gpt/chat")
        market.gpt.customers = set()
        await refused(client_of(shop), "gpt/chat")
    assert HIS not in caplog.text
    async with services.verifier.engine.connect() as connection:
        stored = (
            await connection.execute(text("SELECT secret, provider_key::text AS row FROM provider_key"))
        ).all()
        leaves = (await connection.execute(text("SELECT audit_leaf::text FROM audit_leaf"))).scalars().all()
    assert stored
    assert not any(HIS.encode() in row.secret or HIS in row.row for row in stored)
    assert not any(HIS in leaf for leaf in leaves)


async def test_a_row_that_came_back_without_its_key_opens_nothing(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("10")
    key_id = await bring(services, shop, "gpt", HIS)
    await services.vault.erase_person(shop.access.tenant_id, key_id)
    market.gpt.seen.clear()
    assert await refused(client_of(shop), "gpt/chat") == "own_key_refused"
    assert market.gpt.keys() == [""], "nor is the operator's account asked in its place"


async def test_another_server_under_the_same_name_does_not_get_it(
    market: Market, services: Services, open_shop: OpenShop, client_of: ClientOf, tmp_path: Path
) -> None:
    shop = await open_shop("10")
    await bring(services, shop, "gpt", HIS)
    async with running_supplier(OPERATORS, HIS) as elsewhere:
        async with serving(services, tmp_path, taking("gpt", elsewhere.base_url, "may")):
            assert await refused(client_of(shop), "gpt/chat") == "own_key_not_taken"
        async with serving(services, tmp_path, taking("gpt", market.gpt.base_url, "no")):
            assert await refused(client_of(shop), "gpt/chat") == "own_key_not_taken"
        assert elsewhere.seen == []
