"""A model behind Anthropic's Messages API, asked through every language of ours, with the official clients unchanged."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic

from callmissed.foundation.services import Services
from callmissed.gateway import Upstreams, UpstreamSettings
from tests.rooms.gateway.claude import HI, PARAMETERS, PRICE, entry, offered_claude
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.rooms.gateway.served import serving
from tests.support.anthropic_peer import AnthropicPeer, running_anthropic_peer
from tests.support.peer import SECRET, WORDS

SAID = "".join(WORDS)


@pytest.fixture
async def claude(services: Services, tmp_path: Path, base_url: str) -> AsyncGenerator[AnthropicPeer]:
    """The peer, offered as `a/…`, and in the older version as `b/…`. It finds nothing wrong, or the test fails."""
    assert base_url
    async with offered_claude(services, tmp_path) as peer:
        yield peer


@pytest.fixture
async def messages_of(base_url: str, open_shop: OpenShop) -> AsyncGenerator[AsyncAnthropic]:
    """Anthropic's official client for a new shop."""
    shop = await open_shop()
    async with AsyncAnthropic(base_url=base_url, api_key=shop.key, max_retries=0, timeout=20) as client:
        yield client


async def test_the_peer_is_one_that_the_official_client_understands() -> None:
    block: Any = [{"role": "user", "content": [{"type": "text", "text": "Namaste"}]}]
    tool: Any = {"name": "price", "input_schema": PARAMETERS}
    async with (
        running_anthropic_peer() as peer,
        AsyncAnthropic(base_url=peer.base_url, api_key="x", max_retries=0) as client,
    ):
        whole = await client.messages.create(model="claude", max_tokens=9, messages=block, tools=[tool])
        async with client.messages.stream(
            model="claude", max_tokens=9, messages=block, tools=[tool]
        ) as stream:
            streamed = await stream.get_final_message()
        assert [each.type for each in whole.content] == ["thinking", "text", "tool_use", "tool_use"]
        assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
        for wrong in (
            {"messages": HI * 2},
            {"messages": []},
            {"tool_choice": {"type": "any"}},
            {"max_tokens": 0},
        ):
            with pytest.raises(anthropic.BadRequestError):
                await client.messages.create(
                    **{"model": "claude", "max_tokens": 9, "messages": block, **wrong}
                )
        assert len(peer.wrong) == 4


async def test_a_completion_is_answered_and_paid(
    claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop()
    done = await client_of(shop).chat.completions.create(
        model="a/claude",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind."}, *HI],
        stop=["END"], temperature=1, user="u-1", seed=7, logprobs=False, extra_body={"cache_control": None},
    )  # fmt: skip
    assert (done.choices[0].message.content, done.choices[0].finish_reason) == (SAID, "stop")
    assert done.usage and (done.usage.prompt_tokens, done.usage.completion_tokens) == (11, 7)
    assert claude.asked == [
        {
            "model": "claude", "max_tokens": 3000, "stop_sequences": ["END"], "cache_control": None,
            "metadata": {"user_id": "u-1"},
            "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Namaste"}]}],
        }
    ]  # fmt: skip
    [row] = await shop.rows()
    assert (row["upstream"], row["counted_by"], row["price_micro"]) == ("a", "upstream", 11 * 100 + 7 * 200)
    assert await shop.adds_up()


@pytest.mark.parametrize("name", ["claude", "crumbs"])
async def test_a_completion_streams(
    name: str, claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop()
    stream = await client_of(shop).chat.completions.create(
        model=f"a/{name}", messages=HI, stream=True, stream_options={"include_usage": True}, max_tokens=60
    )
    chunks = [chunk async for chunk in stream]
    said = [
        each.choices[0].delta.content for each in chunks if each.choices and each.choices[0].delta.content
    ]
    assert said == WORDS
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [each.choices[0].finish_reason for each in chunks if each.choices][-1] == "stop"
    assert chunks[-1].usage and (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (
        11,
        7,
    )
    assert (claude.asked[0]["stream"], claude.asked[0]["max_tokens"]) == (True, 60)
    assert (await shop.rows())[0]["tokens_out"] == 7


CALLS = [("toolu_1", "price", {"of": "visit"}), ("toolu_2", "price", {})]


async def test_tools_are_called(claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop())
    done = await client.chat.completions.create(model="a/claude", messages=HI, tools=[PRICE])
    message: Any = done.choices[0].message
    assert (message.content, message.reasoning_content) == ("One moment.", "Two prices are asked.")
    found = [(c.id, c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls]
    assert (found, done.choices[0].finish_reason) == (CALLS, "tool_calls")
    async with client.chat.completions.stream(model="a/crumbs", messages=HI, tools=[PRICE]) as stream:
        async for _ in stream:
            pass
        streamed: Any = (await stream.get_final_completion()).choices[0]
    found = [(c.id, c.function.name, json.loads(c.function.arguments)) for c in streamed.message.tool_calls]
    assert (found, streamed.finish_reason) == (CALLS, "tool_calls")
    assert claude.asked[1]["stream"]


FAULTS = [
    ("a/400", False, 400, "upstream_rejected"), ("a/404", False, 400, "upstream_rejected"),
    ("a/401", True, 502, "upstream_refused"), ("a/429", False, 503, "upstream_busy"), ("a/529", True, 503, "upstream_busy"),
    ("a/500", False, 502, "upstream_broken"), ("a/garbage", False, 502, "upstream_broken"),
    ("a/overloaded", True, 503, "upstream_busy"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "stream", "status", "code"), FAULTS)
async def test_a_fault_before_the_answer(
    model: str, stream: bool, status: int, code: str, claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:  # fmt: skip
    shop = await open_shop("1")
    with pytest.raises(openai.APIStatusError) as caught:
        await client_of(shop).chat.completions.create(model=model, messages=HI, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert SECRET not in caught.value.response.text
    [row] = await shop.rows()
    assert (row["status"], row["price_micro"], len(claude.asked)) == ("failed", 0, 1)


@pytest.mark.parametrize("name", ["breaks", "ends-early"])
async def test_a_fault_under_way_is_free(
    name: str, claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    stream = await client_of(shop).chat.completions.create(model=f"a/{name}", messages=HI, stream=True)
    with pytest.raises(openai.APIError) as caught:
        async for _ in stream:
            pass
    assert (caught.value.code, SECRET in str(caught.value.body)) == ("upstream_broken", False)
    [row] = await shop.rows()
    assert (row["status"], row["price_micro"], len(claude.asked)) == ("failed", 0, 1)


@pytest.mark.parametrize(("name", "finish"), [("refuses", "content_filter"), ("long", "length")])
async def test_why_it_ended(
    name: str, finish: str, claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    done = await client_of(await open_shop()).chat.completions.create(model=f"a/{name}", messages=HI)
    assert (done.choices[0].finish_reason, len(claude.asked)) == (finish, 1)


async def test_a_server_that_wants_a_key_and_gets_none(
    services: Services, tmp_path: Path, open_shop: OpenShop, client_of: ClientOf
) -> None:
    async with running_anthropic_peer() as peer, serving(services, tmp_path, entry("nokey", peer, key="")):
        with pytest.raises(openai.APIStatusError) as caught:
            await client_of(await open_shop()).chat.completions.create(model="nokey/claude", messages=HI)
        assert (caught.value.code, peer.wrong) == ("upstream_refused", ["no key"])


async def test_through_both_translations_with_anthropics_own_client(
    claude: AnthropicPeer, messages_of: AsyncAnthropic
) -> None:
    """A message becomes a completion, and that a message again: nothing of the conversation is lost on the way."""
    tool: Any = {"name": "price", "description": "What it costs.", "input_schema": PARAMETERS}
    asked: dict[str, Any] = {"model": "a/claude", "max_tokens": 2000, "tools": [tool], "system": "Be brief."}
    whole = await messages_of.messages.create(messages=HI, **asked)
    calls = [(b.id, b.name, b.input) for b in whole.content if b.type == "tool_use"]
    assert ([b.type for b in whole.content], calls) == (["thinking", "text", "tool_use", "tool_use"], CALLS)
    assert (whole.stop_reason, whole.usage.input_tokens, whole.usage.output_tokens) == ("tool_use", 11, 7)
    results: Any = [{"type": "tool_result", "tool_use_id": each[0], "content": "399"} for each in calls]
    again: Any = [*HI, {"role": "assistant", "content": whole.content}, {"role": "user", "content": results}]
    async with messages_of.messages.stream(
        messages=again, thinking={"type": "enabled", "budget_tokens": 1500}, **asked
    ) as stream:
        final = await stream.get_final_message()
    assert [(b.id, b.name, b.input) for b in final.content if b.type == "tool_use"] == CALLS
    assert (final.stop_reason, final.usage.output_tokens) == ("tool_use", 7)
    first, second = claude.asked
    assert first["tools"] == second["tools"] == [tool]
    assert first["system"] == [{"type": "text", "text": "Be brief."}]
    assert (second["thinking"], second["output_config"]) == ({"type": "adaptive"}, {"effort": "low"})
    spoken = second["messages"][1]["content"]
    assert [block["type"] for block in spoken] == ["text", "tool_use", "tool_use"]
    assert [(block["id"], block["input"]) for block in spoken[1:]] == [(each[0], each[2]) for each in CALLS]
    assert [block["tool_use_id"] for block in second["messages"][2]["content"]] == ["toolu_1", "toolu_2"]


async def test_a_refusal_is_one_for_anthropics_client_too(
    claude: AnthropicPeer, messages_of: AsyncAnthropic
) -> None:
    told = await messages_of.messages.create(model="a/refuses", max_tokens=60, messages=HI)
    assert (told.stop_reason, len(claude.asked)) == ("refusal", 1)


async def test_responses_reach_it_as_well(
    claude: AnthropicPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    done = await client_of(await open_shop()).responses.create(model="a/claude", input="Namaste", store=False)
    assert (done.output_text, len(claude.asked)) == (SAID, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        'kind = "gemini"',
        'kind = "anthropic"\nthinking = "hard"',
        'kind = "anthropic"\nversion = "2020-01-01"',
    ],
    ids=["kind", "thinking", "version"],
)
async def test_a_kind_that_is_none_stops_the_start(wrong: str, services: Services, tmp_path: Path) -> None:
    file = tmp_path / "upstreams.toml"
    head = '[[upstream]]\nname = "x"\nbase_url = "http://127.0.0.1/v1"\nregion = "IN"\n'
    file.write_text(head + wrong)
    with pytest.raises(ValueError, match=r"gemini|hard|2020"):
        await Upstreams(services.db, UpstreamSettings(file=file, look=False)).start()
