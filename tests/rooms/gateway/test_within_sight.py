"""What may be told where: to browsers, to suppliers of searches, to keys that may not, and by links without a key."""

import base64
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway.batches.calling import ask as ask_line
from callmissed.gateway.images.history import LOOKS_PER_MINUTE
from callmissed.gateway.material import MOST_CITATIONS, Item, url_citations
from callmissed.identity import KeyRing
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.rooms.gateway.grounds import QUESTION, bot_of
from tests.rooms.gateway.searched import vendors
from tests.rooms.gateway.served import served, serving, upstream
from tests.support.peer import Peer
from tests.support.search_peer import SearchPeer, running_search_peer

SITE = "https://shop.example"
ASK: list[dict[str, Any]] = [{"role": "user", "content": QUESTION}]


@pytest.fixture(scope="module")
async def web() -> AsyncGenerator[SearchPeer]:
    async with running_search_peer() as made:
        yield made


@pytest.fixture
async def shop(
    services: Services, web: SearchPeer, peer: Peer, tmp_path: Path, open_shop: OpenShop
) -> AsyncGenerator[Shop]:
    async with serving(
        services, tmp_path, vendors(web), upstream("peer", peer.base_url, [served("peer/good", "good")])
    ):
        yield await open_shop(permissions=["llm", "search"])


@pytest.fixture
async def client(base_url: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as made:
        yield made


async def post(client: httpx.AsyncClient, key: str, path: str, body: Any, **headers: str) -> httpx.Response:
    return await client.post(path, json=body, headers={"authorization": f"Bearer {key}", **headers})


async def test_whoever_searches_gets_the_question_and_nothing_private(
    shop: Shop, client: httpx.AsyncClient, web: SearchPeer, peer: Peer
) -> None:
    secret = base64.b64encode(b"SECRET: the merger price is 900 crore.").decode()
    file = {
        "type": "file",
        "file": {"filename": "merger.txt", "file_data": f"data:text/plain;base64,{secret}"},
    }
    wished: dict[str, Any] = {"model": "peer/good", "plugins": [{"id": "web", "engine": "exa"}]}
    told = [{"role": "user", "content": [{"type": "text", "text": "What does it cost?"}, file]}]
    reply = await post(client, shop.key, "/v1/chat/completions", {**wished, "messages": told})
    assert reply.status_code == 200 and "900 crore" in str(peer.asked[-1]["body"])
    assert web.asked[-1].members["query"] == "What does it cost?"
    grounded = {**wished, "messages": ASK, "bot_id": str(await bot_of(shop))}
    reply = await post(client, shop.key, "/v1/chat/completions", grounded)
    assert reply.status_code == 200 and reply.json()["grounding"]["passages"]
    assert web.asked[-1].members["query"] == QUESTION


async def test_a_browser_reads_no_knowledge_but_that_of_its_keys_bot(
    shop: Shop, client: httpx.AsyncClient
) -> None:
    bot_id = str(await bot_of(shop))
    token = (await post(client, shop.key, "/v1/tokens", {"origin": SITE})).json()["token"]
    chat = {"model": "peer/good", "messages": ASK}
    refused: list[tuple[str, dict[str, Any]]] = [
        ("/v1/chat/completions", {**chat, "bot_id": bot_id}),
        ("/v1/search", {"query": QUESTION, "provider": "knowledge"}),
        ("/v1/chat/completions", {**chat, "plugins": [{"id": "web", "engine": "knowledge"}]}),
        ("/v1/quote", {**chat, "bot_id": bot_id}),
        ("/v1/quote", {"query": QUESTION, "provider": "knowledge"}),
    ]
    for path, body in refused:
        reply = await post(client, token, path, body, origin=SITE)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "knowledge_for_servers"), path
        assert (await post(client, shop.key, path, body)).status_code == 200
    assert (await post(client, token, "/v1/chat/completions", chat, origin=SITE)).status_code == 200


async def test_a_price_is_told_to_keys_that_may_ask(open_shop: OpenShop, client: httpx.AsyncClient) -> None:
    shop = await open_shop("0", permissions=["tts"])
    bodies: list[dict[str, Any]] = [
        {"model": "peer/good", "messages": ASK, "bot_id": str(uuid7())},
        {"query": QUESTION, "provider": "knowledge"},
        {"model": "local/poster", "prompt": "Open"},
    ]
    for body in bodies:
        reply = await post(client, shop.key, "/v1/quote", body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "service_not_allowed")


async def test_a_line_of_a_batch_searches_nothing(shop: Shop, web: SearchPeer) -> None:
    key, before = await shop.services.get(KeyRing).resolve(shop.key), len(web.asked)

    async def keep(_: bytes) -> None:
        return None

    body = (
        b'{"model": "peer/good", "messages": [{"role": "user", "content": "Hi"}], "web_search_options": {}}'
    )
    with pytest.raises(Problem) as told:
        await ask_line(shop.services, key, "/v1/chat/completions", body, uuid7(), keep)
    assert told.value.code == "unsupported_parameter" and len(web.asked) == before


def test_an_answer_that_names_its_material_without_end_stays_small() -> None:
    items = [Item(1, "t" * 300, "", "https://example.in/" + "u" * 2_000)]
    assert len(url_citations("[" + "1," * 30_000 + "1]", items)) == 1
    assert len(url_citations("[1]" * 300_000, items)) == MOST_CITATIONS


async def test_a_link_to_a_picture_is_not_opened_all_the_time(
    open_shop: OpenShop, client: httpx.AsyncClient
) -> None:
    shop = await open_shop("5", permissions=["image"], options=["image_history"])
    made = await post(client, shop.key, "/v1/images/generations", {"model": "local/poster", "prompt": "Open"})
    assert made.status_code == 200, made.text
    listed = await client.get("/v1/images/history", headers={"authorization": f"Bearer {shop.key}"})
    link = "/v1" + listed.json()["data"][0]["url"].partition("/v1")[2]
    statuses = [(await client.get(link)).status_code for _ in range(2 * LOOKS_PER_MINUTE)]
    assert statuses[0] == 200 and statuses[-1] == 429
