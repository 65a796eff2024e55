"""An upstream that is down, slow, refuses, lies or breaks off: one clear error each, no cost, nothing held, nothing leaked."""

import asyncio
import json
from typing import Any

import httpx
import openai
import pytest

from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.support.peer import SECRET, Peer

pytestmark = pytest.mark.faults
HI: list[Any] = [{"role": "user", "content": "Namaste"}]
FAULTS = [
    ("down/good", False, 502, "upstream_unreachable"), ("down/good", True, 502, "upstream_unreachable"),
    ("peer/hangs", False, 504, "upstream_slow"), ("peer/hangs", True, 504, "upstream_slow"),
    ("peer/resets", False, 502, "upstream_unreachable"), ("peer/resets", True, 502, "upstream_unreachable"),
    ("peer/garbage", False, 502, "upstream_broken"), ("peer/error-inside", False, 502, "upstream_broken"),
    ("peer/short", False, 502, "upstream_broken"),
    ("peer/400", False, 400, "upstream_rejected"), ("peer/400", True, 400, "upstream_rejected"),
    ("peer/401", False, 502, "upstream_refused"), ("peer/429", False, 503, "upstream_busy"),
    ("peer/500", True, 502, "upstream_broken"), ("peer/503", False, 503, "upstream_busy"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "stream", "status", "code"), FAULTS)
async def test_a_fault_before_the_answer(
    model: str, stream: bool, status: int, code: str, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(model=model, messages=HI, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert SECRET not in caught.value.response.text
    if code == "upstream_busy":
        assert caught.value.response.headers["retry-after"] == "7"
    await _unbilled(shop, code)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [("breaks", "upstream_broken"), ("ends-early", "upstream_broken"), ("garbage", "upstream_broken"), ("stalls", "upstream_slow")],
)  # fmt: skip
async def test_a_fault_in_the_middle_of_a_stream(
    behaviour: str, code: str, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    stream = await client_of(shop).chat.completions.create(
        model=f"peer/{behaviour}", messages=HI, stream=True
    )
    said: list[str] = []
    with pytest.raises(openai.APIError) as caught:
        async for chunk in stream:
            said += [chunk.choices[0].delta.content or ""]
    assert said == ["Namaste", ", ", "the "]
    assert caught.value.code == code
    await _unbilled(shop, code)


async def _unbilled(shop: Shop, code: str) -> None:
    [row] = await shop.rows()
    assert (row["status"], row["problem"], row["price_micro"]) == ("failed", code, 0)
    purse = await shop.purse()
    assert (purse.available_micro, purse.held_micro) == (1_000_000, 0)
    assert await shop.adds_up()


async def test_a_reader_who_leaves_pays_for_what_was_delivered(
    open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop = await open_shop("1")
    left = peer.left
    stream = await client_of(shop).chat.completions.create(model="peer/slowly", messages=HI, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content == "the ":
            break
    await stream.close()
    rows: list[Any] = []
    for _ in range(100):
        if rows := await shop.rows():
            break
        await asyncio.sleep(0.05)
    [row] = rows
    assert row["status"] == "cancelled"
    assert 2 <= int(str(row["tokens_out"])) < 8
    assert row["price_micro"] == int(str(row["tokens_in"])) * 100 + int(str(row["tokens_out"])) * 200
    assert (await shop.purse()).held_micro == 0
    assert await shop.adds_up()
    assert peer.left >= left


async def test_a_caller_who_leaves_before_the_answer_pays_nothing(open_shop: OpenShop, base_url: str) -> None:
    shop = await open_shop("1")
    async with httpx.AsyncClient(timeout=0.3) as client:
        with pytest.raises(httpx.ReadTimeout):
            await _post(client, base_url, shop, json.dumps({"model": "peer/hangs", "messages": HI}).encode())
    rows: list[Any] = []
    for _ in range(100):
        if rows := await shop.rows():
            break
        await asyncio.sleep(0.05)
    assert [(row["status"], row["price_micro"]) for row in rows] == [("cancelled", 0)]
    assert (await shop.purse()).available_micro == 1_000_000


BODIES = {
    "not json": (b"{", 400, "malformed"),
    "not utf-8": (b'{"model": "\xff\xfe", "messages": []}', 400, "malformed"),
    "empty": (b"", 400, "malformed"),
    "a list": (b"[]", 400, "invalid_request"),
    "deep": (b'{"model":"local/extractive","messages":[{"role":"user","content":"x"}],"a":' + b"[" * 100_000, 400, "malformed"),
    "deep in content": (b'{"model":"m","messages":[{"role":"user","content":[{"a":' + b"[" * 50_000, 400, "malformed"),
    "nul": (b'{"model":"local/extractive","messages":[{"role":"user","content":"a\\u0000b"}]}', 200, ""),
    "half a surrogate": (b'{"model":"local/extractive","messages":[{"role":"user","content":"\\ud800"}]}', 400, "malformed"),
    "20 MB": (b'{"model": "local/extractive", "x": "' + b"x" * 20_000_000 + b'"}', 413, "too_large"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), BODIES.values(), ids=BODIES.keys())
async def test_bodies_that_cannot_be_read(
    body: bytes, status: int, code: str, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("1")
    async with httpx.AsyncClient(timeout=20) as client:
        try:
            reply = await _post(client, base_url, shop, body)
        except httpx.WriteError:  # refused by its declared length while it was still being sent
            assert status == 413
            return
    assert reply.status_code == status
    if code:
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
        assert reply.json()["error"]["code"] == code
        assert (await shop.purse()).available_micro == 1_000_000


async def test_no_key_and_no_such_address(base_url: str, open_shop: OpenShop) -> None:
    shop = await open_shop("1")
    async with httpx.AsyncClient(base_url=base_url) as client:
        assert (await client.get("/v1/models")).json()["error"]["code"] == "key_missing"
        basic = await client.get("/v1/models", headers={"authorization": "Basic eDp5"})
        assert basic.status_code == 401
        nothing = await client.get("/v1/nothing", headers={"authorization": f"Bearer {shop.key}"})
        assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "not_found")


async def test_too_many_requests_say_when_to_come_back(base_url: str, open_shop: OpenShop) -> None:
    shop = await open_shop("1")
    refused: list[httpx.Response] = []
    answered = 0

    async def call_until_refused(client: httpx.AsyncClient) -> None:
        nonlocal answered
        while not refused and answered < 3000:
            reply = await client.get("/v1/models")
            if reply.status_code == 200:
                answered += 1
            else:
                refused.append(reply)

    headers = {"authorization": f"Bearer {shop.key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client:
        await asyncio.gather(*(call_until_refused(client) for _ in range(16)))
    assert answered >= 500, "the plan's whole minute is given first"
    reply = refused[0]
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert reply.json()["error"]["type"] == "rate_limit_error"
    assert int(reply.headers["retry-after"]) >= 1


async def _post(client: httpx.AsyncClient, base_url: str, shop: Shop, body: bytes) -> httpx.Response:
    headers = {"authorization": f"Bearer {shop.key}", "content-type": "application/json"}
    return await client.post(f"{base_url}/v1/chat/completions", content=body, headers=headers)
