"""The official OpenAI client's Responses API, unchanged, against the gateway as it is served."""

from typing import Any

import openai
import pytest

from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.support.peer import WORDS, Peer

TOOL: Any = {
    "type": "function",
    "name": "price",
    "description": "What something costs.",
    "parameters": {"type": "object", "properties": {"of": {"type": "string"}}},
    "strict": False,
}
PICTURE = "data:image/png;base64,iVBORw0KGgo="


async def test_a_response_is_answered_and_paid(open_shop: OpenShop, client_of: ClientOf, peer: Peer) -> None:
    shop = await open_shop()
    reply = await client_of(shop).responses.create(
        model="peer/good",
        instructions="Be brief.",
        input="Namaste",
        max_output_tokens=50,
        temperature=0.5,
        extra_body={"tools": None, "metadata": {"shop": "1"}},
    )
    assert reply.output_text == "".join(WORDS)
    assert reply.tools == []
    assert (reply.status, reply.model, reply.instructions) == ("completed", "peer/good", "Be brief.")
    assert reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 7)
    sent = peer.asked[-1]["body"]
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Namaste"},
    ]
    assert (sent["max_tokens"], sent["temperature"]) == (50, 0.5)
    assert not {"input", "instructions", "max_output_tokens"} & sent.keys()
    [row] = await shop.rows()
    assert reply.id == f"resp_{row['id']}"
    assert row["price_micro"] == 11 * 100 + 7 * 200
    assert await shop.adds_up()


ITEMS: list[Any] = [
    {"role": "developer", "content": "Be kind."},
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "What is it?"},
            {"type": "input_image", "image_url": PICTURE, "detail": "low"},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "function_call", "call_id": "c1", "name": "price", "arguments": "{}"},
    {"type": "function_call", "call_id": "c2", "name": "price", "arguments": '{"of":"gas"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "399"},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "₹399.", "annotations": []}],
    },
    {"role": "user", "content": "And gas?"},
]


async def test_items_become_messages(open_shop: OpenShop, client_of: ClientOf, peer: Peer) -> None:
    await client_of(await open_shop()).responses.create(
        model="peer/good",
        input=ITEMS,
        tools=[TOOL],
        tool_choice={"type": "function", "name": "price"},
        reasoning={"effort": "low"},
        text={
            "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}, "strict": True},
            "verbosity": "low",
        },
        extra_body={"unknown": [1]},
    )
    sent = peer.asked[-1]["body"]
    called = [
        {"id": "c1", "type": "function", "function": {"name": "price", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "price", "arguments": '{"of":"gas"}'}},
    ]
    seen = {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}
    assert sent["messages"] == [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, seen]},
        {"role": "assistant", "content": None, "tool_calls": called},
        {"role": "tool", "tool_call_id": "c1", "content": "399"},
        {"role": "assistant", "content": "₹399."},
        {"role": "user", "content": "And gas?"},
    ]
    assert sent["tools"][0]["function"]["name"] == "price"
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "price"}}
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert (sent["reasoning_effort"], sent["verbosity"], sent["unknown"]) == ("low", "low", [1])


async def test_a_response_streams(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    async with client_of(shop).responses.stream(model="peer/good", input="Namaste") as stream:
        events = [event async for event in stream]
    assert [event for event in events if event.type == "error"] == []
    words = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert words == WORDS
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    final = await stream.get_final_response()
    assert final.output_text == "".join(WORDS)
    assert final.usage and final.usage.output_tokens == 7
    [row] = await shop.rows()
    assert (row["status"], row["streamed"]) == ("ok", True)
    assert await shop.adds_up()


async def test_tools_are_called_whole_and_in_a_stream(open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop())
    whole = await client.responses.create(model="peer/good", input="Namaste", tools=[TOOL])
    assert [(item.name, item.arguments) for item in whole.output if item.type == "function_call"] == [
        ("price", '{"of":"visit"}')
    ]
    async with client.responses.stream(model="peer/good", input="Namaste", tools=[TOOL]) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call", "function_call"]
    assert [item.arguments for item in final.output if item.type == "function_call"] == [
        '{"of":"visit"}',
        '{"of":"gas"}',
    ]
    ids = [item["id"] for item in final.model_dump()["output"]]
    assert len(set(ids)) == len(ids)
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 4
    assert final.output[0].type == "reasoning"
    assert final.output[0].summary[0].text == "Two prices are asked."


async def test_the_local_model_speaks_it_too_and_says_when_it_was_cut(
    open_shop: OpenShop, client_of: ClientOf
) -> None:
    client = client_of(await open_shop())
    facts = "A visit costs ₹399, deducted from the repair."
    asked: Any = {"model": "local/extractive", "instructions": facts, "input": "How much does a visit cost?"}
    assert "399" in (await client.responses.create(**asked)).output_text
    short = await client.responses.create(**asked, max_output_tokens=2)
    assert short.status == "incomplete"
    assert short.incomplete_details and short.incomplete_details.reason == "max_output_tokens"


async def test_a_fault_under_way_is_an_event_and_free(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    stream = await client_of(shop).responses.create(model="peer/breaks", input="Namaste", stream=True)
    *_, last = [event async for event in stream]
    assert (last.type, getattr(last, "code", "")) == ("error", "upstream_broken")
    [row] = await shop.rows()
    assert (row["status"], row["price_micro"]) == ("failed", 0)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]}, "input"),
        ({"input": [{"type": "message", "content": "x"}]}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"type": "function_call", "name": "price", "arguments": "{}"}]}, "input"),
        ({"input": [{"type": "function_call_output", "output": "399"}]}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)
async def test_what_needs_a_memory_or_a_tool_of_theirs_is_refused_before_it_costs(
    changes: dict[str, Any], param: str, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    with pytest.raises(openai.BadRequestError) as caught:
        await client_of(shop).responses.create(**{"model": "peer/good", "input": "Namaste", **changes})
    assert caught.value.param == param
    assert len(peer.asked) == before
    assert (await shop.purse()).available_micro == 1_000_000
