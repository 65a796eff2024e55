"""The official OpenAI client, unchanged, against the gateway as it is served."""

from decimal import Decimal
from typing import Any

import openai
import pytest

from callmissed.billing import Ledger
from callmissed.foundation.ids import uuid7
from callmissed.identity import revoke_key
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.support.peer import WORDS, Peer

FACTS = "Opening hours: we are open from 9:30 to 19:30, Monday to Saturday.\n\nA visit costs ₹399, deducted from the repair."
ASK: list[Any] = [
    {"role": "system", "content": FACTS},
    {"role": "user", "content": "How much does a visit cost?"},
]
HI: list[Any] = [{"role": "user", "content": "Namaste, how much is a visit?"}]


async def test_models_are_listed_with_price_and_place(open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop())
    listed = {model.id: model for model in (await client.models.list()).data}
    assert "local/extractive" in listed
    assert "peer/good" in listed
    assert not any(name.startswith(("abroad/", "unbound/")) for name in listed)
    one = await client.models.retrieve("local/extractive")
    assert one.model_dump()["region"] == "IN"
    assert one.model_dump()["pricing"]["input"] == 20
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("no/such")


async def test_the_local_model_answers_from_the_text_and_is_paid(
    open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("10")
    raw = await client_of(shop).chat.completions.with_raw_response.create(
        model="local/extractive", messages=ASK
    )
    reply = raw.parse()
    assert "399" in (reply.choices[0].message.content or "")
    assert reply.choices[0].finish_reason == "stop"
    assert (
        reply.usage and reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    )
    [row] = await shop.rows()
    assert (row["status"], row["model"], row["upstream"], row["region"]) == (
        "ok",
        "local/extractive",
        "local",
        "IN",
    )
    assert (row["tokens_in"], row["tokens_out"]) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)
    assert row["price_micro"] == 20 * reply.usage.prompt_tokens + 60 * reply.usage.completion_tokens
    assert row["key_id"] == shop.key_id
    assert raw.headers["cm-usage-id"] == str(row["id"]) and raw.headers["cm-processed-in"] == "IN"
    assert Decimal(raw.headers["cm-cost-inr"]) * 1_000_000 == row["price_micro"]
    assert len(raw.headers["x-request-id"]) > 8
    purse = await shop.purse()
    assert (purse.balance_micro, purse.held_micro) == (10_000_000 - int(str(row["price_micro"])), 0)
    assert await shop.adds_up()


async def test_the_local_model_streams_the_same_words(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    client = client_of(shop)
    whole = (
        (await client.chat.completions.create(model="local/extractive", messages=ASK))
        .choices[0]
        .message.content
    )
    stream = await client.chat.completions.create(
        model="local/extractive", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert len(chunks) > 5
    assert [c.usage for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    first, second = await shop.rows()
    assert (
        chunks[-1].usage and chunks[-1].usage.completion_tokens == second["tokens_out"] == first["tokens_out"]
    )
    assert second["price_micro"] == first["price_micro"]
    assert second["streamed"] is True
    assert await shop.adds_up()


async def test_the_local_model_says_that_it_does_not_know(open_shop: OpenShop, client_of: ClientOf) -> None:
    reply = await client_of(await open_shop()).chat.completions.create(
        model="local/extractive",
        messages=[ASK[0], {"role": "user", "content": "Who won the cricket match in Lahore?"}],
    )
    assert "don't know" in (reply.choices[0].message.content or "")


async def test_a_token_limit_is_kept(open_shop: OpenShop, client_of: ClientOf) -> None:
    reply = await client_of(await open_shop()).chat.completions.create(
        model="local/extractive", messages=ASK, max_tokens=4
    )
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage and reply.usage.completion_tokens <= 4


async def test_an_upstream_answers_and_everything_travels_on(
    open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop = await open_shop()
    tool: Any = {"type": "function", "function": {"name": "price", "parameters": {"type": "object"}}}
    reply = await client_of(shop).chat.completions.create(
        model="peer/good",
        messages=HI,
        tools=[tool],
        seed=7,
        extra_body={"reasoning_effort": "low", "unknown": [1]},
    )
    assert reply.model == "peer/good"
    calls = reply.choices[0].message.tool_calls or []
    assert calls[0].type == "function" and calls[0].function.name == "price"
    sent = peer.asked[-1]["body"]
    assert (sent["model"], sent["seed"], sent["reasoning_effort"], sent["unknown"]) == ("good", 7, "low", [1])
    assert sent["messages"] == HI
    [row] = await shop.rows()
    assert (row["tokens_in"], row["tokens_out"], row["counted_by"]) == (11, 7, "upstream")
    assert row["price_micro"] == 11 * 100 + 7 * 200
    assert await shop.adds_up()


@pytest.mark.parametrize("behaviour", ["good", "crumbs", "slowly"])
async def test_an_upstream_streams(behaviour: str, open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    stream = await client_of(shop).chat.completions.create(
        model=f"peer/{behaviour}", messages=HI, stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert [c.choices[0].delta.content for c in chunks][: len(WORDS)] == WORDS
    assert chunks[-1].choices[0].finish_reason == "stop"
    [row] = await shop.rows()
    assert (row["tokens_in"], row["tokens_out"], row["counted_by"], row["status"]) == (
        11,
        7,
        "upstream",
        "ok",
    )
    assert await shop.adds_up()


@pytest.mark.parametrize("stream", [False, True])
async def test_where_the_upstream_is_silent_we_count(
    stream: bool, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop()
    reply = await client_of(shop).chat.completions.create(model="peer/silent", messages=HI, stream=stream)
    if isinstance(reply, openai.AsyncStream):
        assert [chunk async for chunk in reply]
    [row] = await shop.rows()
    assert row["counted_by"] == "callmissed"
    assert row["tokens_in"] == 3 + sum((len(word) + 3) // 4 for word in HI[0]["content"].split())
    assert row["tokens_out"] == 2 + 1 + 2 + 2 + 2
    assert await shop.adds_up()


REFUSED: list[tuple[str, dict[str, Any], type[openai.APIStatusError], str]] = [
    ("unknown model", {"model": "gpt-99"}, openai.NotFoundError, "model_not_found"),
    ("no messages", {"messages": []}, openai.BadRequestError, "invalid_request"),
    ("wrong type", {"messages": "hello"}, openai.BadRequestError, "invalid_request"),
    ("wrong role", {"messages": [{"role": "king", "content": "x"}]}, openai.BadRequestError, "invalid_request"),
    ("temperature", {"temperature": 9}, openai.BadRequestError, "invalid_request"),
    ("max_tokens", {"max_tokens": 0}, openai.BadRequestError, "invalid_request"),
    ("tools", {"tools": [{"type": "function", "function": {"name": "x"}}]}, openai.BadRequestError, "unsupported_parameter"),
    ("n", {"n": 2}, openai.BadRequestError, "unsupported_parameter"),
    ("no user", {"messages": [{"role": "system", "content": "x"}]}, openai.BadRequestError, "invalid_request"),
    ("too long", {"messages": [{"role": "user", "content": "x " * 200_000}]}, openai.BadRequestError, "context_length_exceeded"),
    ("abroad", {"model": "abroad/good"}, openai.PermissionDeniedError, "outside_india"),
    ("no contract", {"model": "unbound/good"}, openai.PermissionDeniedError, "contract_missing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "error", "code"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
async def test_what_cannot_be_used_is_refused_before_it_costs(
    changes: dict[str, Any], error: type[openai.APIStatusError], code: str,
    open_shop: OpenShop, client_of: ClientOf, peer: Peer,
) -> None:  # fmt: skip
    shop = await open_shop("1")
    before = len(peer.asked)
    with pytest.raises(error) as caught:
        await client_of(shop).chat.completions.create(
            **{"model": "local/extractive", "messages": HI, **changes}
        )
    assert caught.value.code == code
    assert caught.value.message
    assert len(peer.asked) == before
    assert (await shop.purse()).available_micro == 1_000_000
    assert await shop.rows() == []


async def test_keys_that_are_none_or_no_longer(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    for secret in ("sk-something", "cm_" + "a" * 38, "cm_ü", "x" * 5000):
        with pytest.raises((openai.AuthenticationError, UnicodeEncodeError)):
            await client_of(secret).models.list()
    async with shop.services.db.tenant(shop.access) as tx:
        await revoke_key(tx, shop.key_id)
    with pytest.raises(openai.AuthenticationError) as caught:
        await client_of(shop).models.list()
    assert caught.value.code == "key_revoked"


async def test_an_empty_wallet_is_a_402(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop("0")
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(model="local/extractive", messages=HI)
    assert (caught.value.status_code, caught.value.code) == (402, "insufficient_quota")
    assert await shop.rows() == []


async def test_an_orphaned_hold_is_released_and_a_late_settlement_is_free(open_shop: OpenShop) -> None:
    shop = await open_shop("1")
    ledger = shop.services.get(Ledger)
    ref = uuid7()
    await ledger.reserve(shop.access.tenant_id, ref, 500_000)
    await ledger.release(shop.access.tenant_id, ref)
    assert (await shop.purse()).available_micro == 1_000_000
