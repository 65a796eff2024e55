"""The prompt log: nothing at all where it is off; where it is on, sealed, once the answer has left, for its days, for who may."""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Malformed
from callmissed.foundation.services import Services
from callmissed.gateway import content_kept_until, read_content
from callmissed.gateway.prompt_log import LARGEST, Exchange, PromptNotKept, packed, words_of
from callmissed.identity import keys
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.rooms.gateway.test_interruptions import streaming
from tests.support.belongings import holdings
from tests.support.patience import until

CANARY = "canary-8c1f-mynah"
CHAT: dict[str, Any] = {"model": "peer/echo", "messages": [{"role": "user", "content": CANARY}]}
SURFACES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "chat stream": ("/v1/chat/completions", {**CHAT, "stream": True}),
    "prompt": ("/v1/completions", {"model": "peer/echo", "prompt": CANARY}),
    "prompt stream": ("/v1/completions", {"model": "peer/echo", "prompt": CANARY, "stream": True}),
    "response": ("/v1/responses", {"model": "peer/echo", "input": CANARY}),
    "response stream": ("/v1/responses", {"model": "peer/echo", "input": CANARY, "stream": True}),
    "message": ("/anthropic/v1/messages", {**CHAT, "max_tokens": 50}),
    "message stream": ("/v1/messages", {**CHAT, "max_tokens": 50, "stream": True}),
    "vectors": ("/v1/embeddings", {"model": "local/lexical", "input": CANARY}),
}


async def ask(base_url: str, shop: Shop, path: str, body: Mapping[str, Any], **more: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:
        headers = {"authorization": f"Bearer {shop.key}", **more}
        if "/messages" in path:
            headers["anthropic-version"] = "2023-06-01"
        return await client.post(path, json=body, headers=headers)


async def kept_rows(shop: Shop) -> int:
    async with shop.services.db.tenant(shop.books) as tx:
        return await tx.session.scalar(text("SELECT count(*) FROM prompt_log")) or 0


async def rows_become(shop: Shop, number: int) -> bool:
    """Whether so many are kept in a moment: they are written after the answer has left."""

    async def there() -> bool:
        return await kept_rows(shop) == number

    return await until(there)


async def last_id(shop: Shop) -> UUID:
    return UUID(str((await shop.rows())[-1]["id"]))


@pytest.mark.parametrize("surface", SURFACES)
async def test_what_is_asked_and_delivered_is_kept_where_it_is_on(
    surface: str, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop(options=("prompt_log",))
    reply = await ask(base_url, shop, *SURFACES[surface])
    assert (reply.status_code, await rows_become(shop, 1)) == (200, True)
    async with shop.services.db.tenant(shop.access) as tx:
        kept = await read_content(tx, UUID(reply.headers["cm-usage-id"]))
        [leaf, *_] = await audit.recent(tx, limit=1)
    assert kept.asked == SURFACES[surface][1]
    assert (CANARY in str(kept.answered)) == (surface != "vectors")
    assert kept.answered == (CANARY if "stream" in surface else reply.json())
    assert (leaf.action, str(leaf.target_id)) == ("gateway:prompt_log:read", reply.headers["cm-usage-id"])
    assert abs(kept.kept_until - clock.now() - timedelta(days=7)) < timedelta(minutes=1)
    everything = await holdings(shop.services, shop.access.tenant_id)
    assert len(everything["prompt_log"]) == 1
    assert not [name for name, rows in everything.items() if CANARY in "".join(rows)]


async def test_nothing_at_all_is_kept_where_it_is_off(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("masking",))
    for path, body in SURFACES.values():
        assert (await ask(base_url, shop, path, body)).status_code == 200
    await ask(base_url, shop, "/v1/chat/completions", {**CHAT, "model": "peer/500"})
    everything = await holdings(shop.services, shop.access.tenant_id)
    assert everything["prompt_log"] == []
    assert not [name for name, rows in everything.items() if CANARY in "".join(rows)]


async def test_a_cut_stream_leaves_what_was_delivered(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("prompt_log",))
    async with streaming(base_url, shop.key) as (heard, _):
        pass
    assert await rows_become(shop, 1)
    async with shop.services.db.tenant(shop.access) as tx:
        said = (await read_content(tx, await last_id(shop))).answered
    assert said.count("costs ") >= heard.words
    assert set(said.split()) == {"costs"}


async def test_a_failure_leaves_what_was_asked_and_a_refusal_nothing(
    open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop(options=("prompt_log",))
    failed = await ask(base_url, shop, "/v1/chat/completions", {**CHAT, "model": "peer/500"})
    assert (failed.status_code >= 500, await rows_become(shop, 1)) == (True, True)
    async with shop.services.db.tenant(shop.access) as tx:
        kept = await read_content(tx, await last_id(shop))
    assert (kept.asked["messages"][0]["content"], kept.answered) == (CANARY, "")
    for refused in ({**CHAT, "model": "peer/none"}, {**CHAT, "n": 0}, {"no": "request"}):
        assert (await ask(base_url, shop, "/v1/chat/completions", refused)).status_code in {400, 404, 422}
    poor = await open_shop("0", options=("prompt_log",))
    assert (await ask(base_url, poor, "/v1/chat/completions", CHAT)).status_code == 402
    await asyncio.sleep(0.2)
    assert (await kept_rows(shop), await kept_rows(poor)) == (1, 0)


async def test_an_answer_told_again_is_kept_once(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("prompt_log",))
    for _ in range(2):
        await ask(base_url, shop, "/v1/chat/completions", CHAT, **{"idempotency-key": "order-7"})
    assert await rows_become(shop, 1)
    async with shop.services.db.tenant(shop.access) as tx:
        assert await content_kept_until(tx, await last_id(shop))


@pytest.mark.parametrize("stream", [False, True])
async def test_the_log_of_a_key_that_masks_is_masked(
    stream: bool, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop(options=("masking", "prompt_log"))
    said = "Aadhaar\n2345 6789 0124 of meera@example.in"
    body = {**CHAT, "messages": [{"role": "user", "content": said}], "stream": stream}
    reply = await ask(base_url, shop, "/v1/chat/completions", body)
    assert (stream or said in reply.json()["choices"][0]["message"]["content"]) and await rows_become(shop, 1)
    async with shop.services.db.tenant(shop.access) as tx:
        kept = await read_content(tx, await last_id(shop))
    assert kept.asked["messages"][0]["content"] == "Aadhaar\n[AADHAAR_1] of [EMAIL_1]"
    assert "Aadhaar\n[AADHAAR_1] of [EMAIL_1]" in (
        kept.answered if stream else kept.answered["choices"][0]["message"]["content"]
    )


async def test_of_a_key_that_masks_nothing_is_kept_that_was_cut(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("masking", "prompt_log"))
    said = "line\n2345 6789 0124 "
    long = {"model": "local/lexical", "input": CANARY, "passed_over": said + "a" * LARGEST}
    reply = await ask(base_url, shop, "/v1/embeddings", long)
    assert (reply.status_code, await rows_become(shop, 1)) == (200, True)
    async with shop.services.db.tenant(shop.access) as tx:
        kept = await read_content(tx, UUID(reply.headers["cm-usage-id"]))
    assert (kept.is_cut, kept.asked, kept.answered["object"]) == (True, "", "list")


async def test_masking_a_long_log_keeps_nobody_waiting(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("masking", "prompt_log"))
    long = {"model": "local/lexical", "input": CANARY, "passed_over": "98765 43210, " * 25_000}
    gaps: list[float] = []

    async def beats() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            gaps.append(time.perf_counter() - began)

    beating = asyncio.create_task(beats())
    assert (await ask(base_url, shop, "/v1/embeddings", long)).status_code == 200
    assert await rows_become(shop, 1)
    beating.cancel()
    assert max(gaps) < 0.5


def test_what_is_nested_too_deep_to_mask_is_a_problem() -> None:
    with pytest.raises(Malformed):
        packed(Exchange("/v1/embeddings", b"[" * 600 + b"]" * 600), masks=True)


def test_choices_of_a_stream_are_read_one_after_the_other() -> None:
    said = ((0, "2345 "), (1, "no "), (0, "6789 0124"), (1, "number"))
    events = b"".join(
        b'data: {"choices": [{"index": %d, "delta": {"content": "%s"}}]}\n\n' % (index, part.encode())
        for index, part in said
    )
    assert words_of(events) == "2345 6789 0124\nno number"


async def test_it_goes_after_its_days_and_belongs_to_nobody_else(open_shop: OpenShop, base_url: str) -> None:
    shop, other = (
        await open_shop(options=("prompt_log",), log_days=1),
        await open_shop(options=("prompt_log",)),
    )
    await ask(base_url, shop, "/v1/chat/completions", CHAT)
    assert await rows_become(shop, 1)
    usage_id = await last_id(shop)
    assert await _refused(other, usage_id)
    assert not await _refused(shop, usage_id)
    async with shop.services.db.tenant(shop.access) as tx:
        ends = await content_kept_until(tx, usage_id)
        assert ends and abs(ends - clock.now() - timedelta(days=1)) < timedelta(minutes=1)
        await tx.session.execute(
            text("UPDATE prompt_log SET counts_from = counts_from - interval '25 hours'")
        )
    assert await _refused(shop, usage_id)
    async with shop.services.db.control() as tx:
        await tx.session.execute(text("SELECT cm.expire('prompt_log'::regclass)"))
    assert await kept_rows(shop) == 0


async def test_switched_off_it_keeps_nothing_from_the_next_request_on(
    open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop(options=("prompt_log",))
    async with shop.services.db.tenant(shop.access) as tx:
        await keys.change_key(tx, shop.key_id, keys.KeyWish("test"))
    # Also a process that has not heard of it yet asks the key's row before it writes.
    await ask(base_url, shop, "/v1/chat/completions", CHAT)
    await asyncio.sleep(0.2)
    assert await kept_rows(shop) == 0


async def test_what_is_too_long_is_cut_and_says_so(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop(options=("prompt_log",))
    long = {"model": "local/lexical", "input": CANARY, "passed_over": "a" * LARGEST}
    reply = await ask(base_url, shop, "/v1/embeddings", long)
    assert (reply.status_code, await rows_become(shop, 1)) == (200, True)
    async with shop.services.db.tenant(shop.access) as tx:
        kept = await read_content(tx, await last_id(shop))
    assert (kept.is_cut, len(kept.asked)) == (True, LARGEST)


def test_the_words_of_broken_events_are_passed_over() -> None:
    events = (
        b'event: x\ndata: {"delta": "a"}\n\ndata: {broken\n\ndata: [DONE]\n\ndata: {"delta": {"text": "b", "n": 1}}\n\n'
        b'data: {"choices": [{"delta": {"content": "c", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]}\n\n'
        b'data: {"delta": 7}\n\ndata: {"choices": [{"text": "d"}]}'
    )
    assert words_of(events) == "abcf{}d"


async def _refused(shop: Shop, usage_id: UUID) -> bool:
    async def try_it(tx: Tx) -> bool:
        try:
            await read_content(tx, usage_id)
        except PromptNotKept:
            return True
        return False

    services: Services = shop.services
    async with services.db.tenant(shop.access) as tx:
        return await try_it(tx)
