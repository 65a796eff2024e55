"""What a hostile caller, or a broken upstream, would gain: each trick that a reviewer found, planted again."""

import asyncio
from typing import Any

import msgspec
import openai
import pytest
from starlette.types import Message

from callmissed.billing import Ledger, Quotas, Usage, plan_named
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Conflict
from callmissed.foundation.services import Services
from callmissed.gateway import Caller, CompletionRequest, Upstreams, UpstreamSettings
from callmissed.gateway.catalogue import model_of
from callmissed.gateway.completions import Call
from callmissed.gateway.interruptions import Interruption
from callmissed.gateway.limits import AtOnce
from callmissed.gateway.problems import AnswerGone, AnswerUnderWay, TooManyAtOnce
from callmissed.gateway.requests import read_request
from callmissed.gateway.surface_replays import Replays
from callmissed.gateway.surface_stream import Streaming
from callmissed.gateway.tokens import PICTURE
from callmissed.gateway.upstreams import Piece
from callmissed.gateway.upstreams.found import is_here
from callmissed.gateway.wire import ChunkEvents
from callmissed.identity import KeyAccess, KeyRing
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.support.patience import until
from tests.support.peer import Peer

HI: list[Any] = [{"role": "user", "content": "Namaste"}]
GPT = model_of(
    {
        "id": "m",
        "upstream": "u",
        "price_in": "200",
        "price_out": "800",
        "context": 1_000_000,
        "longest_answer": 1,
    }
)
FREE = plan_named("free")


def held(*messages: dict[str, Any]) -> int:
    """Tokens that are held for reading these."""
    return CompletionRequest("m", messages).at_most([GPT]).reading


def test_everything_that_travels_is_held() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "x" * 400_000}}
    assert held({"role": "assistant", "content": None, "tool_calls": [call]}) > 400_000
    assert held({"role": "user", "content": [{"type": "refusal", "refusal": "x" * 400_000}]}) > 400_000
    assert held({"role": "user", "content": "x", "unknown": "x" * 400_000}) > 400_000


def test_a_picture_is_held_by_what_it_can_cost_wherever_its_bytes_are() -> None:
    for url in ("https://pictures.example/1.png", "data:image/png;base64," + "A" * 600_000):
        seen = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}
        assert PICTURE <= held(seen) < PICTURE + 200
    heard = {
        "role": "user",
        "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}],
    }
    assert held(heard) == GPT.context


def test_of_two_limits_the_one_that_is_held_travels() -> None:
    body = {"model": "m", "messages": HI, "max_completion_tokens": 1, "max_tokens": 16_000}
    request = read_request(msgspec.json.encode(body))
    assert request.max_tokens == 1
    assert "max_tokens" not in request.extra


@pytest.mark.parametrize("more", [{"service_tier": "priority"}, {"store": True}, {"inference_geo": "eu"}])
async def test_nothing_is_bought_in_the_operators_name(
    more: dict[str, Any], open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop(), len(peer.asked)
    with pytest.raises(openai.BadRequestError) as refused:
        await client_of(shop).chat.completions.create(model="peer/good", messages=HI, extra_body=more)
    assert refused.value.code == "unsupported_parameter"
    assert len(peer.asked) == before
    usual = {"service_tier": "auto", "store": False}
    await client_of(shop).chat.completions.create(model="peer/good", messages=HI, extra_body=usual)
    assert not usual.keys() & peer.asked[-1]["body"].keys()


def delta(**said: Any) -> bytes:
    return msgspec.json.encode([{"index": 0, "delta": said}])


@pytest.mark.parametrize(
    "said",
    [
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"answer": "forty two words"}'}}]},
        {
            "tool_calls": [
                {"index": 0, "type": "custom", "custom": {"input": "words"}, "function": {"name": "custom"}}
            ]
        },
        {"reasoning_content": "Thought a lot about it."},
        {"refusal": "No, never."},
    ],
)
async def test_what_is_said_besides_words_is_charged_when_it_is_broken_off(
    said: dict[str, Any], services: Services, open_shop: OpenShop, upstreams: object
) -> None:
    shop = await open_shop()
    call = Call(services, shop.access, CompletionRequest("peer/good", HI, stream=True), Caller(shop.key_id))
    await call.open()
    call.learn(Piece(delta(role="assistant")))
    call.learn(Piece(delta(**said)))
    await call.cancel()
    [row] = await shop.rows()
    assert row["status"] == "cancelled"
    assert row["tokens_out"] > 0  # pyright: ignore[reportOperatorIssue] - a number of a row
    assert call.price_micro > 0
    assert await shop.adds_up()


@pytest.mark.parametrize("told", [-5, 2**31, 10**4300], ids=["negative", "large", "endless"])
async def test_a_count_that_cannot_be_is_silence(
    told: int, services: Services, open_shop: OpenShop, upstreams: object
) -> None:
    shop = await open_shop()
    call = Call(services, shop.access, CompletionRequest("peer/good", HI), Caller(shop.key_id))
    await call.open()
    call.learn(Piece(delta(content="Namaste"), "Namaste", told, told))
    await call.settle()
    [row] = await shop.rows()
    assert (row["tokens_in"], row["tokens_out"], row["counted_by"]) == (5, 2, "callmissed")
    assert await shop.adds_up()


async def test_one_entry_that_cannot_be_written_does_not_stop_the_others(
    services: Services, open_shop: OpenShop
) -> None:
    ledger, shop, other = services.get(Ledger), await open_shop(), await open_shop()
    usage = Usage(endpoint="x", model="m", upstream="u", region="IN", status="ok", http_status=200)
    refs = [(shop, uuid7(), 10**4300), (other, uuid7(), 1_000)]
    for each, ref, _ in refs:
        await ledger.reserve(each.access.tenant_id, ref, 2_000)
    spoilt = msgspec.structs.replace(usage, tokens_in=10**4300)
    settling = [
        ledger.settle(each.access.tenant_id, ref, 1_000, spoilt if amount > 1_000 else usage)
        for each, ref, amount in refs
    ]
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*settling, return_exceptions=True)
    assert isinstance(outcomes[0], Exception)
    assert outcomes[1] == 1_000
    again = uuid7()
    await ledger.reserve(shop.access.tenant_id, again, 2_000)
    assert await ledger.settle(shop.access.tenant_id, again, 500, usage) == 500


async def test_a_reader_who_takes_nothing_has_left_and_pays(
    services: Services, open_shop: OpenShop, upstreams: object
) -> None:
    shop = await open_shop()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) > 3:
            await asyncio.sleep(60)

    async def answer() -> None:
        request = CompletionRequest("peer/good", HI, stream=True)
        caller = Caller(shop.key_id, interruption=Interruption())
        call = Call(services, shop.access, request, caller)
        await Streaming(call, send, ChunkEvents(call, 1, with_usage=False), patience=0.2).run()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(answer())
    [row] = await shop.rows()
    assert row["status"] == "cancelled"
    assert row["price_micro"]
    assert await shop.adds_up()


@pytest.mark.parametrize("leaves", ["in time", "too late"])
async def test_who_leaves_while_the_charge_is_written_has_been_answered(
    leaves: str, services: Services, open_shop: OpenShop, upstreams: object
) -> None:
    shop, interruptions = await open_shop(), list[Interruption]()

    async def answer() -> None:
        interruptions.append(Interruption())
        caller = Caller(shop.key_id, interruption=interruptions[0])
        call = Call(services, shop.access, CompletionRequest("peer/good", HI), caller)
        await call.open()
        call.learn(Piece(delta(content="Namaste"), "Namaste", 3, 2))
        if leaves == "in time":
            interruptions[0].leave()
        asyncio.get_running_loop().call_soon(interruptions[0].leave)
        await call.settle()

    answering = asyncio.create_task(answer())
    if leaves == "in time":
        with pytest.raises(asyncio.CancelledError):
            await answering
    else:
        await answering
        assert not interruptions[0].happened
        assert await shop.rows()  # durable before it was told

    async def is_charged() -> bool:  # whoever left is charged a moment later, and for what was said
        return [row["price_micro"] for row in await shop.rows()] == [3 * 100 + 2 * 200]

    assert await until(is_charged)


async def test_an_end_without_an_answer_is_no_answer(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    with pytest.raises(openai.APIStatusError) as refused:
        await client_of(shop).chat.completions.create(model="peer/nothing", messages=HI, stream=True)
    assert refused.value.code == "upstream_broken"
    assert not any(row["price_micro"] for row in await shop.rows())


@pytest.mark.parametrize(
    "body",
    [{"input": ["x"] * 200, "dimensions": 4096}, {"input": "word " * 30_000}],
)
async def test_nobody_keeps_the_server_busy_with_vectors(
    body: dict[str, Any], open_shop: OpenShop, client_of: ClientOf
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client_of(await open_shop()).embeddings.create(model="local/lexical", **body)
    assert refused.value.code in {"invalid_request", "context_length_exceeded"}


async def test_many_who_are_refused_at_once_do_not_lower_the_count(
    services: Services, open_shop: OpenShop
) -> None:
    shop, quotas = await open_shop(), Quotas(services.db)
    tenant = shop.access.tenant_id
    assert FREE.calls
    await asyncio.gather(*(quotas.take(tenant, FREE) for _ in range(FREE.calls)), return_exceptions=True)
    await asyncio.gather(*(quotas.take(tenant, FREE) for _ in range(20)), return_exceptions=True)
    await quotas.stop()
    assert 0 <= quotas._known[tenant].used <= FREE.calls


async def test_a_claim_that_was_charged_is_not_released(
    services: Services, open_shop: OpenShop, upstreams: object
) -> None:
    shop = await open_shop()
    key: KeyAccess = await services.get(KeyRing).resolve(shop.key)

    async def perform(usage_id: Any, _: Any) -> None:
        call = Call(
            services, shop.access, CompletionRequest("peer/good", HI), Caller(shop.key_id, usage_id=usage_id)
        )
        await call.open()
        call.learn(Piece(delta(content="Namaste"), "Namaste", 3, 2))
        await call.settle()
        raise Conflict

    async def send(_: Message) -> None: ...

    with pytest.raises(Conflict):
        await Replays(services).once(key, b"k", b"said", send, perform)
    with pytest.raises((AnswerGone, AnswerUnderWay)):
        await Replays(services).once(key, b"k", b"said", send, perform)
    assert len(await shop.rows()) == 1


def test_no_more_at_once_than_the_plan_allows() -> None:
    crowd, tenant, other = AtOnce(), uuid7(), uuid7()
    with crowd.one_more(tenant, 2), crowd.one_more(tenant, 2):
        with pytest.raises(TooManyAtOnce), crowd.one_more(tenant, 2):
            pass
        with crowd.one_more(other, 2):
            pass
    with crowd.one_more(tenant, 1):
        pass


async def test_models_that_only_seem_to_be_here_are_left_out(services: Services) -> None:
    tags = b'{"models":[{"name":"small"},{"name":"large-cloud","remote_host":"https://ollama.com:443","remote_model":"large"}]}'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(tags)}\r\n\r\n"
        writer.write(head.encode() + tags)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Upstreams(services.db, UpstreamSettings(environment={"OLLAMA_HOST": f"127.0.0.1:{port}"}))
    await made.start()
    names = {each.model.id for each in made.models()}
    await made.stop()
    server.close()
    assert "ollama/small" in names
    assert not is_here("http://localhost.evil.example:11434")
    assert not is_here("http://evil.example/?//127.0.0.1")
    assert is_here(f"http://127.0.0.1:{port}")
    assert "ollama/large-cloud" not in names
