"""The official clients for Node.js (OpenAI, Anthropic, the AI SDK) and LangChain, unchanged, against the gateway as it is served."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from callmissed.identity import KeyLimits
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.support.peer import WORDS, Peer
from tests.support.providers import ROOT, installed

CLIENTS = ROOT / "tests" / "peers" / "clients"
SAID = "".join(WORDS)
CALLED = [["price", {"of": "visit"}], ["price", {"of": "gas"}]]
STREAMED = {"text": SAID, "pieces": len(WORDS)}
FLOWS: dict[str, tuple[str, Any]] = {
    "openai_chat": ("peer/good", {"text": SAID, "usage": 18}),
    "openai_stream": ("peer/good", {**STREAMED, "usage": 18}),
    "openai_tools": ("peer/good", CALLED),
    "openai_picture": ("peer/good", SAID),
    "openai_structured": ("peer/good", {"price": 399}),
    "openai_responses": ("peer/good", STREAMED),
    "openai_embeddings": ("local/lexical", [512, 512]),
    "openai_images": ("local/poster", [[128, 64], [128, 64]]),
    "openai_wrong_key": (
        "peer/good",
        {"thrown": "AuthenticationError", "status": 401, "code": "key_malformed"},
    ),
    "openai_no_model": ("peer/good", {"thrown": "NotFoundError", "status": 404, "code": "model_not_found"}),
    "anthropic_message": ("peer/good", {"text": SAID, "stop": "end_turn", "usage": 7}),
    "anthropic_stream": ("peer/good", STREAMED),
    "anthropic_tools": ("peer/good", CALLED),
    "anthropic_count": ("peer/good", 5),
    "anthropic_no_model": (
        "peer/good",
        {"thrown": "NotFoundError", "status": 404, "code": "model_not_found"},
    ),
    "ai_text": ("peer/good", {"text": SAID, "usage": 18}),
    "ai_stream": ("peer/good", STREAMED),
    "ai_tools": ("peer/good", [["price", {"of": "visit"}, "visit: 399"]]),
    "ai_object": ("peer/good", {"price": 399}),
    "ai_anthropic": ("peer/good", STREAMED),
    "ai_images": ("local/poster", [[128, 64], [128, 64]]),
    "ai_vectors": ("local/lexical", [512, 512]),
}
"""What each flow of `flows.mjs` finds, asking this model."""


@pytest.fixture(scope="module")
async def node() -> None:
    """Node.js with the clients."""
    if not await asyncio.to_thread(installed):
        pytest.skip("needs Node.js with npm: scripts/ensure_peers says how")


async def flow(base_url: str, shop: Shop, model: str, name: str) -> Any:
    """What one flow prints."""
    process = await asyncio.create_subprocess_exec(
        "node", "flows.mjs", base_url, shop.key, model, name,
        cwd=CLIENTS, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, failed = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0 and said, (process.returncode, said, failed.decode()[-2000:])
    return json.loads(said.splitlines()[-1])  # libraries may print advice before it


@pytest.mark.parametrize("name", FLOWS)
async def test_a_flow_of_a_node_client(name: str, node: None, open_shop: OpenShop, base_url: str) -> None:
    model, expected = FLOWS[name]
    shop = await open_shop(permissions=["llm", "image"])
    assert await flow(base_url, shop, model, name) == expected
    assert await shop.adds_up()


async def test_the_client_waits_as_it_is_told_and_then_is_answered(
    node: None, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop(limits=KeyLimits(requests_per_minute=60))
    async with httpx.AsyncClient(base_url=base_url) as client:
        while (
            await client.get("/v1/models", headers={"authorization": f"Bearer {shop.key}"})
        ).status_code == 200:
            pass
    done = await flow(base_url, shop, "peer/good", "openai_retries")
    assert done["answers"] == [SAID, SAID]
    assert done["waited"] >= 900
    assert len(await shop.rows()) == 2


@pytest.fixture
async def http() -> AsyncGenerator[dict[str, Any]]:
    """Clients that are closed again; LangChain's own stay open."""
    with httpx.Client() as client:
        async with httpx.AsyncClient() as async_client:
            yield {"http_client": client, "http_async_client": async_client}


def langchain(base_url: str, shop: Shop, http: dict[str, Any]) -> ChatOpenAI:
    return ChatOpenAI(
        model="peer/good", base_url=f"{base_url}/v1", api_key=SecretStr(shop.key), max_retries=0, **http
    )


async def test_langchain_talks_streams_and_calls_tools(
    open_shop: OpenShop, base_url: str, peer: Peer, http: dict[str, Any]
) -> None:
    shop = await open_shop()
    chat = langchain(base_url, shop, http)
    reply = await chat.ainvoke("Namaste")
    assert reply.content == SAID
    assert reply.usage_metadata and reply.usage_metadata["total_tokens"] == 18
    assert "".join([str(each.content) async for each in chat.astream("Namaste")]) == SAID

    @tool
    def price(of: str) -> str:
        """What something costs."""
        return f"{of}: 399"

    called = await chat.bind_tools([price]).ainvoke("Namaste")
    assert called.tool_calls[0]["args"] == {"of": "visit"}
    assert price.invoke(called.tool_calls[0]["args"]) == "visit: 399"
    assert peer.asked[-1]["body"]["tools"][0]["function"]["name"] == "price"
    assert await shop.adds_up()


class Answer(BaseModel):
    """What a question about a price is answered with."""

    price: int


async def test_langchain_reads_answers_in_a_shape_and_vectors(
    open_shop: OpenShop, base_url: str, http: dict[str, Any]
) -> None:
    shop = await open_shop()
    shaped = langchain(base_url, shop, http).with_structured_output(Answer, method="json_schema")
    assert await shaped.ainvoke("Namaste") == Answer(price=399)
    vectors = OpenAIEmbeddings(
        model="local/lexical",
        base_url=f"{base_url}/v1",
        api_key=SecretStr(shop.key),
        check_embedding_ctx_length=False,
        **http,
    )
    found = await vectors.aembed_documents(["What does a visit cost?", "The visit costs ₹399."])
    assert [len(each) for each in found] == [512, 512]
