"""Completions said to a model behind Anthropic's Messages API, member by member; and what it has no word for."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import openai
import pytest

from callmissed.foundation.services import Services
from tests.rooms.gateway.claude import HI, PARAMETERS, PRICE, offered_claude
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.support.anthropic_peer import AnthropicPeer

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "top_k": 3}


@pytest.fixture
async def claude(services: Services, tmp_path: Path, base_url: str) -> AsyncGenerator[AnthropicPeer]:
    """The peer, offered as `a/…`, and in the older version as `b/…`. It finds nothing wrong, or the test fails."""
    assert base_url
    async with offered_claude(services, tmp_path) as peer:
        yield peer


async def test_sampling_is_said_in_the_version_that_has_it(
    claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    client = client_of(await open_shop())
    await client.chat.completions.create(
        model="b/claude", messages=HI, temperature=0.5, top_p=0.9, extra_body={"top_k": 3}
    )
    assert {name: claude.asked[0][name] for name in SAMPLING} == SAMPLING


CONVERSATION: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://shop.example/a.jpg"}},
            {
                "type": "file",
                "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
            },
        ],
    },
    {"role": "user", "content": "And what does it cost?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "price", "arguments": '{"of": "visit"}'}},
            {"id": "c2", "type": "function", "function": {"name": "price", "arguments": ""}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "399"},
    {"role": "tool", "tool_call_id": "c2", "content": ""},
    {"role": "user", "content": "In words, please."},
]
TURNS: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?", "cache_control": {"type": "ephemeral"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
            {"type": "image", "source": {"type": "url", "url": "https://shop.example/a.jpg"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "bill.pdf",
            },
            {"type": "text", "text": "And what does it cost?"},
        ],
    },
    {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": "c1", "name": "price", "input": {"of": "visit"}},
            {"type": "tool_use", "id": "c2", "name": "price", "input": {}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "399"}]},
            {"type": "tool_result", "tool_use_id": "c2"},
            {"type": "text", "text": "In words, please."},
        ],
    },
]


async def test_messages_become_turns(claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop())
    await client.chat.completions.create(model="a/claude", messages=CONVERSATION, tools=[PRICE])
    assert claude.asked[0]["messages"] == TURNS
    told = {"name": "price", "description": "What it costs.", "input_schema": PARAMETERS}
    assert claude.asked[0]["tools"] == [told]


CHOICES: list[tuple[dict[str, Any], Any]] = [
    ({"tool_choice": "auto"}, {"type": "auto"}),
    ({"tool_choice": "none"}, {"type": "none"}),
    ({"tool_choice": "required"}, {"type": "any"}),
    ({"tool_choice": {"type": "function", "function": {"name": "price"}}}, {"type": "tool", "name": "price"}),
    ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    ({}, None),
]


@pytest.mark.parametrize(
    ("asked", "told"), CHOICES, ids=["auto", "none", "required", "named", "single", "silent"]
)
async def test_a_choice_of_tools(
    asked: dict[str, Any], told: Any, claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    client = client_of(await open_shop())
    await client.chat.completions.create(
        model="a/claude", messages=HI, tools=[PRICE], reasoning_effort="high", **asked
    )
    sent = claude.asked[0]
    assert sent.get("tool_choice") == told
    assert ("thinking" in sent) == ((told or {}).get("type") not in {"any", "tool"})


AFTER_TOOLS = CONVERSATION[:-1]
EFFORTS: list[tuple[str, str, list[Any], int | None, Any, Any]] = [
    ("a/claude", "high", HI, None, {"type": "adaptive"}, {"effort": "high"}),
    ("a/claude", "low", AFTER_TOOLS, None, {"type": "adaptive"}, {"effort": "low"}),
    ("a/claude", "none", HI, None, None, None),
    ("b/claude", "low", HI, None, {"type": "enabled", "budget_tokens": 1500}, None),
    ("b/claude", "high", HI, 1100, {"type": "enabled", "budget_tokens": 1024}, None),
    ("b/claude", "high", HI, 1024, None, None),
    ("b/claude", "high", AFTER_TOOLS, None, None, None),
]


@pytest.mark.parametrize(
    ("model", "effort", "messages", "most", "thinking", "output"),
    EFFORTS,
    ids=["effort", "effort after tools", "none", "budget", "little room", "no room", "budget after tools"],
)
async def test_an_effort_becomes_thought(
    model: str, effort: Any, messages: list[Any], most: int | None, thinking: Any, output: Any,
    claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf,
) -> None:  # fmt: skip
    more: dict[str, Any] = {"max_completion_tokens": most} if most else {}
    await client_of(await open_shop()).chat.completions.create(
        model=model, messages=messages, tools=[PRICE], reasoning_effort=effort, **more
    )
    assert claude.asked[0].get("thinking") == thinking
    assert claude.asked[0].get("output_config") == output


async def test_an_answer_in_a_given_shape(
    claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shape: Any = {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": PARAMETERS, "strict": True},
    }
    await client_of(await open_shop()).chat.completions.create(
        model="a/claude", messages=HI, response_format=shape, reasoning_effort="low"
    )
    told = {"effort": "low", "format": {"type": "json_schema", "schema": PARAMETERS}}
    assert claude.asked[0]["output_config"] == told


def _seen(url: str) -> list[Any]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


WORDLESS: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "unsupported_parameter"), ({"logprobs": True}, "unsupported_parameter"), ({"logit_bias": {"1": 5}}, "unsupported_parameter"),
    ({"presence_penalty": 0.5}, "unsupported_parameter"), ({"response_format": {"type": "json_object"}}, "unsupported_parameter"),
    ({"stop": "\n"}, "unsupported_parameter"), ({"model": "b/claude", "temperature": 1.5}, "invalid_request"),
    ({"temperature": 0.5}, "unsupported_parameter"), ({"top_p": 0.9}, "unsupported_parameter"),
    ({"extra_body": {"top_k": 3}}, "unsupported_parameter"),
    ({"tools": [{"type": "web_search"}]}, "invalid_request"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "invalid_request"),
    ({"messages": _seen("file:///etc/passwd")}, "invalid_request"), ({"messages": _seen("data:image/tiff;base64,AA==")}, "invalid_request"),
    ({"messages": [*HI, {"role": "tool", "content": "399"}]}, "invalid_request"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "code"), WORDLESS,
    ids=[
        "n", "logprobs", "bias", "penalty", "json", "stop", "too hot", "temperature", "top_p", "top_k", "tool", "audio", "picture",
        "kind", "result",
    ],
)  # fmt: skip
async def test_what_has_no_word_there_is_refused_before_it_costs(
    asked: dict[str, Any], code: str, claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    with pytest.raises(openai.BadRequestError) as caught:
        await client_of(shop).chat.completions.create(**{"model": "a/claude", "messages": HI, **asked})
    assert caught.value.code == code
    assert claude.asked == []
    assert (await shop.purse()).available_micro == 1_000_000
