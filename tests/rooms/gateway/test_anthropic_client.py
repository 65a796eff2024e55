"""The official Anthropic client, unchanged, against the gateway as it is served."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.support.peer import WORDS, Peer

HI: list[Any] = [{"role": "user", "content": "Namaste, how much is a visit?"}]
TOOL: Any = {
    "name": "price",
    "description": "What something costs.",
    "input_schema": {"type": "object", "properties": {"of": {"type": "string"}}},
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

ClientOf = Callable[..., AsyncAnthropic]


@pytest.fixture(params=["", "/anthropic"], ids=["plain", "under-anthropic"])
def prefix(request: pytest.FixtureRequest) -> str:
    """Where the client is pointed to: the gateway itself, or its address for Anthropic's clients."""
    return request.param


@pytest.fixture
async def client_of(base_url: str) -> AsyncGenerator[ClientOf]:
    """The official client for a shop's key."""
    made: list[AsyncAnthropic] = []

    def make(shop: Shop, prefix: str = "", **options: Any) -> AsyncAnthropic:
        told = {"api_key": shop.key, "max_retries": 0, "timeout": 20, **options}
        made.append(AsyncAnthropic(base_url=f"{base_url}{prefix}", **told))
        return made[-1]

    yield make
    for client in made:
        await client.close()


async def test_a_message_is_answered_and_paid(prefix: str, open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    raw = await client_of(shop, prefix).messages.with_raw_response.create(
        model="peer/good", max_tokens=50, system="Be brief.", messages=HI
    )
    reply = await raw.parse()
    assert (reply.type, reply.role, reply.model, reply.stop_reason) == (
        "message",
        "assistant",
        "peer/good",
        "end_turn",
    )
    assert [block.text for block in reply.content if block.type == "text"] == ["".join(WORDS)]
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 7)
    [row] = await shop.rows()
    assert reply.id == f"msg_{row['id']}" == f"msg_{raw.headers['cm-usage-id']}"
    assert (row["status"], row["price_micro"]) == ("ok", 11 * 100 + 7 * 200)
    assert await shop.adds_up()


async def test_everything_that_has_a_word_there_is_said(
    open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    await client_of(await open_shop()).messages.create(
        model="peer/good",
        max_tokens=60,
        messages=HI,
        tools=[TOOL],
        tool_choice={"type": "tool", "name": "price", "disable_parallel_tool_use": True},
        stop_sequences=["END"],
        extra_body={"temperature": 0.5, "top_k": 3},
        metadata={"user_id": "u-1"},
        thinking={"type": "enabled", "budget_tokens": 20_000},
    )
    sent = peer.asked[-1]["body"]
    told = {"description": TOOL["description"], "parameters": TOOL["input_schema"]}
    assert sent["tools"] == [{"type": "function", "function": {"name": "price", **told}}]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "price"}}
    said = {name: sent[name] for name in ("max_tokens", "stop", "temperature", "top_k", "user")}
    assert said == {"max_tokens": 60, "stop": ["END"], "temperature": 0.5, "top_k": 3, "user": "u-1"}
    assert (sent["parallel_tool_calls"], sent["reasoning_effort"]) == (False, "high")


PICTURE: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
SEEN = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
TURNS: list[Any] = [
    {"role": "user", "content": [PICTURE, {"type": "text", "text": "What is it?"}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "x"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "toolu_1", "name": "price", "input": {"of": "visit"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "broken", "is_error": True},
            {"type": "text", "text": "And now?"},
        ],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "content": [PICTURE]}],
    },
]
CALL = {"name": "price", "arguments": '{"of":"visit"}'}
SAID = [
    {"role": "system", "content": "Be brief.\n\nBe kind."},
    {"role": "user", "content": [SEEN, {"type": "text", "text": "What is it?"}]},
    {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [{"id": "toolu_1", "type": "function", "function": CALL}],
    },
    {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: broken"},
    {"role": "user", "content": "And now?"},
    {"role": "tool", "tool_call_id": "toolu_2", "content": ""},
    {"role": "user", "content": [SEEN]},
]


async def test_turns_become_messages(open_shop: OpenShop, client_of: ClientOf, peer: Peer) -> None:
    system: list[Any] = [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be kind."},
    ]
    client = client_of(await open_shop())
    await client.messages.create(model="peer/good", max_tokens=60, system=system, messages=TURNS)
    assert peer.asked[-1]["body"]["messages"] == SAID


async def test_what_we_do_not_know_travels_on_and_what_says_nothing_stays(
    open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    known = {"seed": 7, "service_tier": "auto", "container": None, "cache_control": {"type": "ephemeral"}}
    await client_of(await open_shop()).messages.create(
        model="peer/good", max_tokens=60, messages=HI, extra_body=known
    )
    sent = peer.asked[-1]["body"]
    assert sent["seed"] == 7
    assert not {"service_tier", "container", "cache_control", "system"} & sent.keys()


async def test_another_model_answers_only_where_it_was_named(
    open_shop: OpenShop, client_of: ClientOf
) -> None:
    raw = await client_of(await open_shop()).messages.with_raw_response.create(
        model="down/good", max_tokens=60, messages=HI, extra_body={"models": ["peer/good"]}
    )
    assert (await raw.parse()).model == "peer/good"
    assert raw.headers["cm-fallback-for"] == "down/good"


async def test_an_answer_in_a_given_shape(open_shop: OpenShop, client_of: ClientOf, peer: Peer) -> None:
    schema = {"type": "object", "properties": {"price": {"type": "integer"}}, "required": ["price"]}
    await client_of(await open_shop()).messages.create(
        model="peer/good",
        max_tokens=60,
        messages=HI,
        output_config={"effort": "max", "format": {"type": "json_schema", "schema": schema}},
    )
    sent = peer.asked[-1]["body"]
    assert sent["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": True}
    assert sent["reasoning_effort"] == "high"


async def test_a_tool_is_called_whole_and_in_a_stream(
    prefix: str, open_shop: OpenShop, client_of: ClientOf
) -> None:
    client = client_of(await open_shop(), prefix)
    whole = await client.messages.create(model="peer/good", max_tokens=60, messages=HI, tools=[TOOL])
    assert whole.stop_reason == "tool_use"
    assert [(b.name, b.input) for b in whole.content if b.type == "tool_use"] == [("price", {"of": "visit"})]
    async with client.messages.stream(
        model="peer/crumbs", max_tokens=60, messages=HI, tools=[TOOL]
    ) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_message()
    assert [(b.type, getattr(b, "input", None)) for b in final.content] == [
        ("thinking", None),
        ("text", None),
        ("tool_use", {"of": "visit"}),
        ("tool_use", {"of": "gas"}),
    ]
    assert getattr(final.content[0], "thinking", "") == "Two prices are asked."
    assert final.stop_reason == "tool_use"
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 4


async def test_a_message_streams_word_by_word(prefix: str, open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    async with client_of(shop, prefix).messages.stream(
        model="peer/crumbs", max_tokens=60, messages=HI
    ) as stream:
        words = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    assert words == WORDS
    assert (final.usage.input_tokens, final.usage.output_tokens) == (11, 7)
    assert final.stop_reason == "end_turn"
    [row] = await shop.rows()
    assert (row["status"], row["streamed"], row["tokens_out"]) == ("ok", True, 7)
    assert await shop.adds_up()


async def test_the_local_model_speaks_it_too(open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop())
    facts = "A visit costs ₹399, deducted from the repair."
    asked: Any = {"model": "local/extractive", "max_tokens": 100, "system": facts}
    question: list[Any] = [{"role": "user", "content": "How much does a visit cost?"}]
    whole = await client.messages.create(**asked, messages=question)
    async with client.messages.stream(**asked, messages=question) as stream:
        final = await stream.get_final_message()
    assert "399" in getattr(whole.content[0], "text", "")
    assert getattr(final.content[0], "text", "") == getattr(whole.content[0], "text", "")
    short = await client.messages.create(**{**asked, "max_tokens": 2}, messages=question)
    assert short.stop_reason == "max_tokens"


async def test_a_fault_under_way_is_an_error_of_the_stream_and_free(
    open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop()
    with pytest.raises(anthropic.APIStatusError) as caught:
        async with client_of(shop).messages.stream(model="peer/breaks", max_tokens=60, messages=HI) as stream:
            [event async for event in stream]
    assert "sk-upstream" not in str(caught.value.body)
    [row] = await shop.rows()
    assert (row["status"], row["price_micro"]) == ("failed", 0)


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
SERVERS = {"mcp_servers": [{"type": "url", "url": "https://x.example"}]}
NAMELESS = {"type": "tool", "name": ""}
UPLOAD = {"type": "container_upload", "file_id": "x"}
REFUSED: list[tuple[str, dict[str, Any], type[anthropic.APIStatusError], str]] = [
    ("unknown model", {"model": "claude-99"}, anthropic.NotFoundError, "not_found_error"),
    ("no messages", {"messages": []}, anthropic.BadRequestError, "invalid_request_error"),
    ("temperature", {"extra_body": {"temperature": 1.5}}, anthropic.BadRequestError, "invalid_request_error"),
    ("max_tokens", {"max_tokens": 0}, anthropic.BadRequestError, "invalid_request_error"),
    ("their own tool", {"tools": [SEARCH]}, anthropic.BadRequestError, "invalid_request_error"),
    ("their own block", {"messages": [{"role": "user", "content": [UPLOAD]}]}, anthropic.BadRequestError, "invalid_request_error"),
    ("their containers", {"extra_body": SERVERS}, anthropic.BadRequestError, "invalid_request_error"),
    ("a tool without its name", {"tools": [TOOL], "tool_choice": NAMELESS}, anthropic.BadRequestError, "invalid_request_error"),
    ("abroad", {"model": "abroad/good"}, anthropic.PermissionDeniedError, "permission_error"),
    ("busy", {"model": "peer/429"}, anthropic.APIStatusError, "overloaded_error"),
    ("refused there", {"model": "peer/401"}, anthropic.InternalServerError, "api_error"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "error", "kind"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
async def test_a_refusal_is_the_right_exception_and_costs_nothing(
    changes: dict[str, Any], error: type[anthropic.APIStatusError], kind: str,
    prefix: str, open_shop: OpenShop, client_of: ClientOf,
) -> None:  # fmt: skip
    shop = await open_shop("1")
    asked: dict[str, Any] = {"model": "peer/good", "max_tokens": 10, "messages": HI, **changes}
    with pytest.raises(error) as caught:
        await client_of(shop, prefix).messages.create(**asked)
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["request_id"]
    assert (await shop.purse()).available_micro == 1_000_000


async def test_wrong_keys_and_empty_wallets(
    prefix: str, base_url: str, open_shop: OpenShop, client_of: ClientOf
) -> None:
    poor = await open_shop("0")
    with pytest.raises(anthropic.APIStatusError) as caught:
        await client_of(poor, prefix).messages.create(model="peer/good", max_tokens=10, messages=HI)
    assert caught.value.status_code == 402
    with pytest.raises(anthropic.AuthenticationError):
        await client_of(poor, prefix, api_key="sk-ant-something").models.list()
    as_token = client_of(poor, prefix, api_key=None, auth_token=poor.key)
    assert (await as_token.models.list()).data
    async with httpx.AsyncClient(base_url=base_url) as bare:
        nobody = await bare.post(f"{prefix}/v1/messages", json={})
    assert nobody.json()["error"]["type"] == "authentication_error"


async def test_tokens_are_counted_for_nothing(prefix: str, open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop("0")
    client = client_of(shop, prefix)
    bare = await client.messages.count_tokens(model="peer/good", messages=HI)
    more = await client.messages.count_tokens(
        model="peer/good", messages=HI, system="Be brief.", tools=[TOOL]
    )
    assert 0 < bare.input_tokens < more.input_tokens
    assert await shop.rows() == []
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.count_tokens(model="claude-99", messages=HI)


async def test_models_have_their_shape(prefix: str, open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop(), prefix)
    page = await client.models.list()
    listed = {model.id: model for model in page.data}
    assert listed["local/extractive"].display_name
    assert not page.has_more
    one = await client.models.retrieve("peer/good")
    assert (one.type, one.max_input_tokens, one.max_tokens) == ("model", 8000, 1000)


async def test_whoever_has_to_wait_is_told_how_long(open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop())
    with pytest.raises(anthropic.APIStatusError) as caught:
        await client.messages.create(model="peer/503", max_tokens=10, messages=HI)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_a_key_for_other_things_asks_no_model(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop(permissions=(), scopes=["contacts.read"])
    with pytest.raises(anthropic.PermissionDeniedError):
        await client_of(shop).messages.create(model="peer/good", max_tokens=10, messages=HI)
