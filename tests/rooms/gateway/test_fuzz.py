"""Made-up requests to every address of /v1: each is answered in time and in its language's shape, and the books stay right."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import strategies as st

from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.rooms.gateway.searched import vendors
from tests.rooms.gateway.served import HI, served, serving, upstream
from tests.rooms.gateway.test_audio import HEARS, SPEAKS
from tests.rooms.gateway.test_images import PICTURED
from tests.support.made_up import CANARY, FORM_KIND, HOSTILE, changed, drawn, form, hostile, text, value
from tests.support.peer import Peer
from tests.support.picture_peer import running_picture_peer
from tests.support.recordings import recording
from tests.support.search_peer import running_search_peer
from tests.support.sound_peer import running_sound_peer

SAMPLING = (
    "temperature",
    "top_p",
    "n",
    "stop",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "seed",
    "user",
    "models",
)
CHAT = {"model": "fuzz/good", "messages": HI}
ANTHROPIC = {**CHAT, "max_tokens": 20}
THINKING = (
    "system",
    "stream",
    "tools",
    "tool_choice",
    "thinking",
    "stop_sequences",
    "metadata",
    "output_config",
)
DOCUMENTS: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "/v1/chat/completions": (CHAT, (*SAMPLING, "response_format", "plugins", "web_search_options", "max_tokens")),
    "/v1/completions": ({"model": "fuzz/good", "prompt": "Namaste"}, (*SAMPLING, "suffix", "echo", "best_of")),
    "/v1/responses": (
        {"model": "fuzz/good", "input": "Namaste"},
        ("instructions", "tools", "stream", "text", "reasoning", "previous_response_id", "store", "include"),
    ),
    "/v1/messages": (ANTHROPIC, THINKING),
    "/anthropic/v1/messages": (ANTHROPIC, THINKING),
    "/v1/messages/count_tokens": (CHAT, THINKING),
    "/anthropic/v1/messages/count_tokens": (CHAT, THINKING),
    "/v1/embeddings": ({"model": "local/lexical", "input": "Namaste"}, ("dimensions", "encoding_format", "user")),
    "/v1/moderations": ({"input": "Namaste"}, ("model",)),
    "/v1/quote": (CHAT, (*SAMPLING, "query", "prompt", "plugins")),
    "/v1/tokens": ({"ttl": 20}, ("scopes", "origin")),
    "/v1/search": (
        {"query": "Delhi to Pune", "provider": "searxng"},
        ("mode", "num_results", "include_domains", "exclude_domains", "start_published_date", "gl", "hl", "tbs"),
    ),
    "/v1/images/generations": (
        {"model": "fuzz/picture", "prompt": "A chai stall"},
        ("n", "size", "quality", "seed", "steps", "response_format", "output_format", "stream", "user", "style"),
    ),
    "/v1/audio/speech": (
        {"model": "fuzz/voice", "input": "Namaste"},
        ("voice", "response_format", "speed", "language", "sample_rate", "instructions", "stream_format"),
    ),
    "/v1/batches": (
        {"input_file_id": "file-" + "0" * 32, "endpoint": "/v1/moderations", "completion_window": "24h"},
        ("metadata", "output_expires_after"),
    ),
}  # fmt: skip
"""A good request to each address that takes a document, and the names of further members."""
FORMS: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
    "/v1/files": ({"purpose": "batch"}, ("expires_after[anchor]",)),
    "/v1/audio/transcriptions": (
        {"model": "fuzz/ear"}, ("language", "prompt", "response_format", "timestamp_granularities[]", "temperature", "stream", "url"),
    ),
    "/v1/audio/translations": ({"model": "fuzz/ear"}, ("prompt", "response_format", "temperature")),
}  # fmt: skip
ADDRESSES = (
    "/v1/models", "/v1/models/{}", "/anthropic/v1/models/{}", "/v1/generation?id={}", "/v1/images/{}", "/v1/images/{}/content?signed={}",
    "/v1/images/history?limit={}", "/v1/images/history?before={}", "/v1/files/{}", "/v1/files/{}/content", "/v1/files?limit={}&after={}",
    "/v1/files?order={}&purpose={}", "/v1/batches/{}", "/v1/batches?after={}&limit={}", "/v1/batches/{}/cancel", "/v1/{}", "/anthropic/v1/{}",
)  # fmt: skip
COSTS = re.compile(
    r"/(completions|responses|messages|embeddings|moderations|search|generations|speech|trans\w+)$"
)
JSON = {"content-type": "application/json"}
GUARDS = {"kind": '"moderation"', "price_in": '"0"', "price_out": '"0"'}
CHEAP = {**PICTURED, "price_in": '"0.01"'}
BOUND_SECONDS = 10
"""For one answer, on a busy machine."""


@pytest.fixture(scope="module")
async def suppliers(
    services: Services, peer: Peer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[None]:
    """One supplier of each kind."""
    home: Path = tmp_path_factory.mktemp("fuzz")
    async with running_sound_peer() as sounds, running_picture_peer() as maker, running_search_peer() as web:
        sounding = [served("fuzz/ear", "ear", **HEARS), served("fuzz/voice", "good-voice", **SPEAKS)]
        parts = (
            upstream(
                "talks", peer.base_url, [served("fuzz/good", "good"), served("fuzz/guard", "guard", **GUARDS)]
            ),
            upstream("sounds", f"{sounds.address}/v1", sounding),
            upstream("paints", maker.base_url, [served("fuzz/picture", "good", **CHEAP)]),
        )
        async with serving(services, home, *parts, vendors(web)):
            yield


@dataclass(eq=False)
class Caller:
    """A shop that calls one address again and again, and what it was answered."""

    client: httpx.AsyncClient
    shop: Shop
    billed: int = 0

    async def ask(self, method: str, address: str, body: bytes = b"", **headers: str) -> httpx.Response:
        """One answer, looked at."""
        known = {"authorization": f"Bearer {self.shop.key}", **headers}
        request = self.client.build_request(
            method, "/v1/models", content=body or None, headers=list(known.items())
        )
        request.url = self.client.base_url.copy_with(raw_path=address.encode())
        answer = await self.client.send(request)
        looked_at(answer, address)
        if answer.status_code == 200 and method == "POST" and COSTS.search(address):
            self.billed += 1
        return answer

    async def ends(self) -> None:
        """Nothing is held, everything adds up, and what is on record was answered."""
        assert (await self.shop.purse()).held_micro == 0
        assert await self.shop.adds_up()
        rows = await self.shop.rows()
        assert sum(row["status"] == "ok" for row in rows) == self.billed
        assert all(row["price_micro"] == 0 for row in rows if row["status"] != "ok")


def looked_at(answer: httpx.Response, address: str) -> None:
    """No failure of ours, the shape of the caller's language, a code that is documented, and no text of the request in a header."""
    assert answer.status_code < 500, (address, answer.text)
    assert CANARY not in str(answer.headers), answer.headers
    if answer.status_code < 400:
        return
    said = answer.json()
    if "error" not in said:
        pytest.fail(f"{address} answers in another shape: {said}")
    assert said["error"]["code"] in Problem.catalogue, said
    assert Problem.catalogue[said["error"]["code"]].status == answer.status_code
    assert ("request_id" in said) == (answer.request.url.path.startswith(("/anthropic/", "/v1/messages")))


@pytest.fixture
async def caller(suppliers: None, base_url: str, open_shop: OpenShop) -> AsyncGenerator[Caller]:
    # Of less than 20 rupees nothing is leased: what is held is held for a call.
    shop = await open_shop("19", permissions=["llm", "stt", "tts", "image", "search"])
    async with httpx.AsyncClient(base_url=base_url, timeout=BOUND_SECONDS) as client:
        made = Caller(client, shop)
        yield made
        await made.ends()


@pytest.mark.parametrize("address", DOCUMENTS)
async def test_no_document_breaks_an_address(address: str, caller: Caller) -> None:
    good, more = DOCUMENTS[address]

    asked = await caller.ask("POST", address, json.dumps(good).encode(), **JSON)
    assert asked.status_code == (404 if address == "/v1/batches" else 200), asked.text
    for document in drawn(changed(good, *more)):
        await caller.ask("POST", address, json.dumps(document).encode(), **JSON)


@pytest.mark.parametrize("address", DOCUMENTS)
async def test_no_json_breaks_an_address(address: str, caller: Caller) -> None:
    good, _ = DOCUMENTS[address]
    for body in HOSTILE:
        for member in (*good, CANARY):
            await caller.ask("POST", address, hostile(body, good, member))


@pytest.mark.parametrize("address", FORMS)
async def test_no_form_breaks_an_address(address: str, caller: Caller) -> None:
    good, more = FORMS[address]
    content = recording() if "audio" in address else b'{"custom_id":"1"}\n'
    files = st.none() | st.tuples(text | st.just("a.wav"), st.binary(max_size=60) | st.just(content))
    made = [(dict(good), ("a.wav", content)), *drawn(st.tuples(changed(good, *more), files))]
    kinds = drawn(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30), 5)
    for fields, file in made:
        await caller.ask("POST", address, form(fields, file), **{"content-type": FORM_KIND})
    for kind in (*kinds, "application/json", "multipart/form-data; boundary=", f"{FORM_KIND}; charset=utf-7"):
        await caller.ask("POST", address, form(*made[0]), **{"content-type": kind})
    for cut in range(0, 400, 23):
        await caller.ask("POST", address, form(*made[0])[:cut], **{"content-type": FORM_KIND})


async def test_no_address_breaks_the_surface(caller: Caller) -> None:
    pieces = [quote(each, safe="", errors="surrogatepass") for each in drawn(text | value.map(str), 5)]
    known = (
        "img_" + "0" * 32,
        "file-" + "f" * 32,
        "batch_" + "a" * 32,
        "%E0%A5%A7" * 32,
        "%ff%fe",
        "%00",
        "..%2f..",
        "x" * 9_000,
    )
    for address in ADDRESSES:
        for place, piece in enumerate((*pieces, *known)):
            method = "DELETE" if place % 3 == 2 else "GET"
            answer = await caller.ask(method, address.replace("{}", piece))
            assert answer.status_code != 429


@pytest.fixture
async def bait() -> AsyncGenerator[tuple[str, list[object]]]:
    """An address on the loopback, and who came to it."""
    came: list[object] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/latest/meta-data", came


def baited(url: str) -> list[tuple[str, dict[str, Any]]]:
    """Requests with this address wherever one may stand."""
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "file", "file": {"file_data": url, "filename": "a.pdf"}},
        {"type": "file", "file": {"file_url": url}},
        {"type": "input_audio", "input_audio": {"data": url, "format": "wav"}},
    ]
    taken = [
        {"type": kind, f"{kind.removeprefix('input_')}_url": url} for kind in ("input_image", "input_file")
    ]
    source = {"type": "url", "url": url}
    places: list[tuple[str, dict[str, Any]]] = [
        *(("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": [part]}]}) for part in parts),
        *(("/v1/responses", {"model": "fuzz/good", "input": [{"role": "user", "content": [part]}]}) for part in taken),
        *(
            ("/v1/messages", {**ANTHROPIC, "messages": [{"role": "user", "content": [{"type": kind, "source": source}]}]})
            for kind in ("image", "document")
        ),
    ]  # fmt: skip
    for address, (good, _) in DOCUMENTS.items():
        for member in (
            "base_url",
            "api_base",
            "image",
            "image_url",
            "url",
            "webhook_url",
            "callback_url",
            "file",
        ):
            places.append((address, {**good, member: url}))
    return places


async def test_nothing_is_fetched_for_a_caller(caller: Caller, bait: tuple[str, list[object]]) -> None:
    url, came = bait
    for address, document in baited(url):
        await caller.ask("POST", address, json.dumps(document).encode(), **JSON)
    for address, (good, _) in FORMS.items():
        for member in ("url", "file_url", "callback", "file"):
            await caller.ask(
                "POST", address, form({**good, member: url}, None), **{"content-type": FORM_KIND}
            )
    assert came == []
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.TransportError):
            await client.get(url)
    assert len(came) == 1
