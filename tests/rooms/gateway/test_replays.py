"""Idempotency-Key under /v1: one answer, one charge, whatever happens in between; and nothing kept without it."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.gateway import repository
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.support.peer import Peer

CHAT: dict[str, Any] = {"model": "peer/good", "messages": [{"role": "user", "content": "Namaste"}]}
PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "stream": ("/v1/chat/completions", {**CHAT, "stream": True}),
    "message": ("/anthropic/v1/messages", {**CHAT, "max_tokens": 20}),
    "streamed response": ("/v1/responses", {"model": "peer/good", "input": "Namaste", "stream": True}),
    "vectors": ("/v1/embeddings", {"model": "local/lexical", "input": "Namaste"}),
}


async def ask(base_url: str, shop: Shop, once: str | None, path: str, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:
        headers = {"authorization": f"Bearer {shop.key}", **({"idempotency-key": once} if once else {})}
        return await client.post(path, json=body, headers=headers)


@pytest.mark.parametrize("name", PATHS)
async def test_the_same_answer_is_told_again_and_charged_once(
    name: str, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop()
    first = await ask(base_url, shop, "order-7", *PATHS[name])
    again = await ask(base_url, shop, "order-7", *PATHS[name])
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for told in ("cm-usage-id", "cm-model", "content-type"):
        assert again.headers[told] == first.headers[told]
    assert len(await shop.rows()) == 1
    assert await shop.adds_up()
    other = await ask(base_url, shop, "order-8", *PATHS[name])
    assert other.headers["cm-usage-id"] != first.headers["cm-usage-id"]


async def test_another_request_under_the_same_key_is_refused(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop()
    await ask(base_url, shop, "order-7", *PATHS["chat"])
    other = await ask(base_url, shop, "order-7", PATHS["chat"][0], {**CHAT, "seed": 1})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    long = await ask(base_url, shop, "x" * 201, *PATHS["chat"])
    assert (long.status_code, long.json()["error"]["code"]) == (422, "idempotency_key_unusable")
    assert len(await shop.rows()) == 1


async def test_a_key_means_nothing_to_others(open_shop: OpenShop, base_url: str) -> None:
    first = await ask(base_url, await open_shop(), "order-7", *PATHS["chat"])
    other = await ask(base_url, await open_shop(), "order-7", *PATHS["chat"])
    assert first.headers["cm-usage-id"] != other.headers["cm-usage-id"]


async def test_many_at_once_are_answered_by_one(open_shop: OpenShop, base_url: str, peer: Peer) -> None:
    shop = await open_shop()
    before = len(peer.asked)
    replies = await asyncio.gather(*(ask(base_url, shop, "rush", *PATHS["chat"]) for _ in range(8)))
    codes = sorted(each.status_code for each in replies)
    assert set(codes) <= {200, 409}
    assert codes[0] == 200
    busy = [each for each in replies if each.status_code == 409]
    assert all(each.json()["error"]["code"] == "answer_under_way" for each in busy)
    assert all(each.headers["retry-after"] for each in busy)
    assert len(peer.asked) == before + 1
    assert (await ask(base_url, shop, "rush", *PATHS["chat"])).headers["idempotency-replayed"] == "true"


async def test_what_failed_may_be_asked_again(open_shop: OpenShop, base_url: str, peer: Peer) -> None:
    shop = await open_shop()
    for model in ("peer/500", "peer/breaks"):
        path, body = PATHS["stream"]
        before = len(peer.asked)
        for _ in range(2):
            await ask(base_url, shop, model, path, {**body, "model": model})
        assert len(peer.asked) == before + 2
    assert not any(row["status"] == "ok" for row in await shop.rows())


async def test_a_caller_who_leaves_and_returns_gets_an_answer(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop()
    path, body = PATHS["chat"]
    slow = {**body, "model": "peer/ponders"}
    async with httpx.AsyncClient(base_url=base_url, timeout=0.4) as client:
        headers = {"authorization": f"Bearer {shop.key}", "idempotency-key": "left"}
        with pytest.raises(httpx.TimeoutException):
            await client.post(path, json=slow, headers=headers)
    async with asyncio.timeout(10):
        while not await shop.rows():
            await asyncio.sleep(0.05)
    again = await ask(base_url, shop, "left", path, slow)
    assert again.status_code == 200
    assert [row["status"] for row in await shop.rows()] == ["cancelled", "ok"]
    assert await shop.adds_up()


async def claimed(services: Services, shop: Shop, usage_id: Any, minutes: int) -> None:
    """As a server leaves it that died at the request "order-7" so many minutes ago."""
    said = b"/v1/chat/completions\n" + httpx.Request("POST", "http://x", json=CHAT).content
    async with services.db.tenant(shop.access) as tx:
        hashes = (
            tx.vault.keyed_hash("idempotency_key", "order-7"),
            tx.vault.keyed_hash("idempotent_request", said.decode("latin-1")),
        )
        await repository.claim(tx, shop.key_id, *hashes, usage_id)
        await tx.session.execute(
            text("UPDATE answered_once SET created_at = :at WHERE usage_id = :id"),
            {"at": clock.now() - timedelta(minutes=minutes), "id": usage_id},
        )


@pytest.mark.parametrize(("minutes", "status"), [(1, 409), (16, 200)])
async def test_a_request_whose_server_died_is_done_anew_in_time(
    minutes: int, status: int, open_shop: OpenShop, base_url: str, services: Services
) -> None:
    shop = await open_shop()
    await claimed(services, shop, uuid7(), minutes)
    reply = await ask(base_url, shop, "order-7", *PATHS["chat"])
    assert reply.status_code == status
    assert len(await shop.rows()) == (status == 200)


async def test_a_charge_whose_answer_is_lost_is_not_made_twice(
    open_shop: OpenShop, base_url: str, services: Services
) -> None:
    shop = await open_shop()
    charged = await ask(base_url, shop, None, *PATHS["chat"])
    await claimed(services, shop, charged.headers["cm-usage-id"], 16)
    reply = await ask(base_url, shop, "order-7", *PATHS["chat"])
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "answer_gone")
    assert reply.json()["error"]["message"].startswith("This request was answered and charged")
    assert len(await shop.rows()) == 1


async def test_answers_are_sealed_forgotten_in_a_day_and_only_kept_when_asked(
    open_shop: OpenShop, base_url: str, services: Services
) -> None:
    shop = await open_shop()
    await ask(base_url, shop, None, *PATHS["chat"])
    async with services.db.tenant(shop.access) as tx:
        assert await tx.session.scalar(text("SELECT count(*) FROM answered_once")) == 0
    first = await ask(base_url, shop, "order-7", *PATHS["chat"])
    async with services.db.tenant(shop.access) as tx:
        stored = await tx.session.scalar(text("SELECT answer FROM answered_once"))
        assert stored
        assert b"399" not in stored
        await tx.session.execute(
            text("UPDATE answered_once SET created_at = :at"), {"at": clock.now() - timedelta(hours=25)}
        )
    anew = await ask(base_url, shop, "order-7", *PATHS["chat"])
    assert anew.headers["cm-usage-id"] != first.headers["cm-usage-id"]
