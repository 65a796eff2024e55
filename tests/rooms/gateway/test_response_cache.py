"""The response cache: the same again for an hour and free, where a key is switched to it; never for anybody else."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from callmissed.foundation import audit
from callmissed.foundation.services import Services
from callmissed.gateway import cached_answers, empty_cache, follow_switch
from callmissed.identity import KeyRing, create_key, keys
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.rooms.gateway.served import let_leave
from tests.support.belongings import holdings
from tests.support.patience import until
from tests.support.peer import Peer

CANARY = "canary-51be-koel"
CHAT: dict[str, Any] = {"model": "peer/echo", "messages": [{"role": "user", "content": CANARY}]}
SURFACES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "prompt": ("/v1/completions", {"model": "peer/echo", "prompt": CANARY}),
    "response": ("/v1/responses", {"model": "peer/echo", "input": CANARY}),
    "message": ("/anthropic/v1/messages", {**CHAT, "max_tokens": 50}),
    "vectors": ("/v1/embeddings", {"model": "local/lexical", "input": CANARY}),
}


async def ask(
    base_url: str,
    key: Shop | str,
    path: str = SURFACES["chat"][0],
    body: Mapping[str, Any] | str = CHAT,
    **more: str,
) -> httpx.Response:
    secret = key.key if isinstance(key, Shop) else key
    sent = body if isinstance(body, str) else json.dumps(body)
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:
        return await client.post(path, headers={"authorization": f"Bearer {secret}", **more}, content=sent)


async def kept(shop: Shop, number: int = 1) -> bool:
    """Whether so many answers are kept in a moment: they are written after the answer has left."""

    async def there() -> bool:
        async with shop.services.db.tenant(shop.books) as tx:
            return await cached_answers(tx) == number

    return await until(there)


async def was_hit(base_url: str, key: Shop | str, **asked: Any) -> bool:
    return (await ask(base_url, key, **asked)).headers.get("cm-cache") == "hit"


@pytest.mark.parametrize("surface", SURFACES)
async def test_the_same_again_is_free_and_has_a_record_of_its_own(
    surface: str, open_shop: OpenShop, base_url: str, peer: Peer
) -> None:
    shop = await open_shop(options=("cache",))
    first = await ask(base_url, shop, *SURFACES[surface])
    assert (first.headers["cm-cache"], await kept(shop)) == ("miss", True)
    asked, purse = len(peer.asked), await shop.purse()
    again = await ask(base_url, shop, *SURFACES[surface])
    assert (again.headers["cm-cache"], again.headers["cm-cost-inr"], len(peer.asked)) == (
        "hit",
        "0.000000",
        asked,
    )
    ids = [each.headers["cm-usage-id"] for each in (first, again)]
    assert again.text == first.text.replace(ids[0], ids[1])
    assert int(again.headers["content-length"]) == len(again.content)
    assert [again.headers[name] for name in ("cm-model", "cm-upstream", "cache-control")] == [
        first.headers[name] for name in ("cm-model", "cm-upstream", "cache-control")
    ]
    assert "ratelimit" in again.headers
    _, row = await shop.rows()
    assert (str(row["id"]), row["status"], row["price_micro"], row["options"]) == (ids[1], "ok", 0, "cached")
    assert (row["upstream"], row["tokens_in"], row["tokens_out"]) == ("local", 0, 0)
    assert await shop.purse() == purse and await shop.adds_up()
    everything = await holdings(shop.services, shop.access.tenant_id)
    assert not [name for name, rows in everything.items() if CANARY in "".join(rows)]


async def test_the_same_is_what_means_the_same(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("cache",))
    await ask(base_url, shop)
    assert await kept(shop)
    other_words = (
        '{ "messages": [{"content": "canary-51be\\u002dkoel", "role": "user"}],\n "model": "peer/echo" }'
    )
    assert await was_hit(base_url, shop, body=other_words)
    for different in ({**CHAT, "seed": 1}, {**CHAT, "model": "peer/good"}, {**CHAT, "temperature": 0.0}):
        assert not await was_hit(base_url, shop, body=different)
    assert not await was_hit(base_url, shop, path="/v1/messages", body={**CHAT, "max_tokens": 50})


async def test_half_a_character_in_a_part_that_nobody_reads_is_malformed(
    open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop(options=("cache",))
    async with httpx.AsyncClient(base_url=base_url) as client:
        broken = json.dumps({**CHAT, "odd": "X"}).encode().replace(b"X", b"\xe0")
        reply = await client.post(
            SURFACES["chat"][0], content=broken, headers={"authorization": f"Bearer {shop.key}"}
        )
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "malformed")


async def test_streams_and_failures_are_not_kept_and_off_means_off(
    open_shop: OpenShop, base_url: str
) -> None:
    shop, other = await open_shop(options=("cache",)), await open_shop(options=("masking",))
    streamed = await ask(base_url, shop, body={**CHAT, "stream": True})
    failed = await ask(base_url, shop, body={**CHAT, "model": "peer/500"})
    assert ("cm-cache" in streamed.headers, failed.status_code >= 500) == (False, True)
    assert "cm-cache" not in (await ask(base_url, other)).headers
    for firm in (shop, other):
        assert (await holdings(firm.services, firm.access.tenant_id))["kept_answer"] == []


async def test_keys_of_one_workspace_share_and_nobody_else(open_shop: OpenShop, base_url: str) -> None:
    shop, stranger = await open_shop(options=("cache",)), await open_shop(options=("cache",))
    await ask(base_url, shop)
    assert await kept(shop)
    assert not await was_hit(base_url, stranger)
    async with shop.services.db.tenant(shop.access) as tx:
        sister = await create_key(tx, "sister", options=["cache"])
        plain = await create_key(tx, "plain")
        masks = await create_key(tx, "masks", options=["cache", "masking"])
        narrow = await create_key(tx, "narrow", options=["cache"], limits=_only("peer/good"))
    assert await was_hit(base_url, sister.secret)
    assert not await was_hit(base_url, plain.secret)
    assert not await was_hit(base_url, masks.secret)
    assert (await ask(base_url, narrow.secret)).status_code == 403


async def test_it_goes_with_the_switch_with_the_hour_and_when_it_is_emptied(
    open_shop: OpenShop, base_url: str, services: Services
) -> None:
    shop = await open_shop(options=("cache",))
    await ask(base_url, shop)
    assert await kept(shop)
    async with services.db.tenant(shop.access) as tx:
        await tx.session.execute(
            text("UPDATE kept_answer SET created_at = created_at - interval '61 minutes'")
        )
    assert not await was_hit(base_url, shop)
    assert await kept(shop)  # anew, in the place of the old one
    async with services.db.tenant(shop.access) as tx:
        assert (await empty_cache(tx), await empty_cache(tx)) == (1, 0)
        assert (await audit.recent(tx, limit=1))[0].action == "gateway:cache:emptied"
    assert not await was_hit(base_url, shop)
    assert await kept(shop)
    async with services.db.tenant(shop.access) as tx:
        sister = await create_key(tx, "sister", options=["cache"])
        await keys.change_key(tx, shop.key_id, keys.KeyWish("test"))
    assert not await was_hit(base_url, sister.secret), "its key is not switched to the cache any more"
    async with services.db.tenant(shop.access) as tx:
        await follow_switch(tx, shop.key_id)
        assert await cached_answers(tx) == 0


async def test_what_was_made_abroad_is_not_told_once_everything_stays_in_india(
    open_shop: OpenShop, base_url: str, services: Services
) -> None:
    shop = await open_shop(options=("cache",))
    await ask(base_url, shop)
    assert await kept(shop)
    await let_leave(services, shop)

    async def heard() -> bool:
        return not (await services.get(KeyRing).resolve(shop.key)).india_only

    assert await until(heard)
    assert not await was_hit(base_url, shop)


async def test_a_hit_respects_limits_needs_no_money_and_is_told_again_under_its_key(
    open_shop: OpenShop, base_url: str, services: Services
) -> None:
    shop = await open_shop(options=("cache",))
    await ask(base_url, shop)
    assert await kept(shop)
    async with services.db.tenant(shop.access) as tx:
        paced = await create_key(tx, "paced", options=["cache"], limits=_paced())
    replies = [await ask(base_url, paced.secret) for _ in range(3)]
    assert [each.status_code for each in replies].count(429) >= 1
    assert replies[0].headers["cm-cache"] == "hit"
    once = [await ask(base_url, shop, **{"idempotency-key": "order-9"}) for _ in range(2)]
    assert once[0].headers["cm-usage-id"] == once[1].headers["cm-usage-id"]
    assert once[1].headers["idempotency-replayed"] == "true"


async def test_what_is_too_long_is_not_kept(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("cache",))
    texts = [" ".join(f"{n * m:x}" for m in range(7, 42)) for n in range(3, 400)]
    long = {"model": "local/lexical", "input": texts, "dimensions": 512}
    reply = await ask(base_url, shop, "/v1/embeddings", long)
    assert (reply.status_code, len(reply.content) > 1_000_000) == (200, True)
    await ask(base_url, shop)
    assert await kept(shop, 1)
    assert not await was_hit(base_url, shop, path="/v1/embeddings", body=long)


def _only(model: str) -> keys.KeyLimits:
    return keys.KeyLimits(models=(model,))


def _paced() -> keys.KeyLimits:
    return keys.KeyLimits(requests_per_minute=1)
