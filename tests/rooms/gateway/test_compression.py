"""Long conversations are made to fit: within the window, in order, with no result of a tool without its call."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from callmissed.gateway.compression import compressed, weigh
from callmissed.gateway.problems import ContextTooLong
from tests.rooms.gateway.conftest import OpenShop
from tests.rooms.gateway.test_response_cache import ask
from tests.support.peer import Peer

Message = dict[str, Any]
WORDS = some.text(max_size=600) | some.integers(0, 300).map(lambda n: "नमस्ते there " * n)


@some.composite
def conversations(draw: some.DrawFn) -> list[Message]:
    """Turns with calls of tools, some results late, some without a call."""
    said: list[Message] = [{"role": "system", "content": draw(WORDS)}] if draw(some.booleans()) else []
    for n in range(draw(some.integers(1, 12))):
        kind = draw(some.sampled_from(["user", "assistant", "tools", "parts", "stray"]))
        if kind == "tools":
            ids = [f"call_{n}_{each}" for each in range(draw(some.integers(1, 3)))]
            calls = [
                {"id": each, "function": {"name": "look", "arguments": draw(some.text(max_size=40))}}
                for each in ids
            ]
            said.append({"role": "assistant", "content": None, "tool_calls": calls})
            for each in ids:
                if draw(some.booleans()):
                    said.append({"role": "user", "content": "wait"})
                said.append({"role": "tool", "tool_call_id": each, "content": draw(WORDS)})
        elif kind == "parts":
            said.append(
                {"role": "user", "content": [{"type": "text", "text": draw(WORDS)}, {"type": "image_url"}]}
            )
        elif kind == "stray":
            said.append({"role": "tool", "tool_call_id": "nobody's", "content": draw(WORDS)})
        else:
            said.append({"role": kind, "content": draw(WORDS)})
    return said


def _called(messages: list[Message]) -> set[str]:
    return {call["id"] for each in messages for call in each.get("tool_calls") or ()}


@given(conversations(), some.integers(0, 4_000))
def test_what_is_made_to_fit_fits_and_hangs_together(messages: list[Message], room: int) -> None:
    try:
        made = compressed(messages, room)
    except ContextTooLong:
        users = [each for each in messages if each["role"] == "user"][-1:]
        assert sum(map(weigh, messages)) > room
        assert users or messages
        return
    kept = [dict(each) for each in made.messages]
    assert sum(map(weigh, kept)) == made.after <= room
    assert made.before == sum(map(weigh, messages))
    assert len(messages) - len(kept) == made.dropped
    results = {each["tool_call_id"] for each in kept if each["role"] == "tool"}
    assert results & _called(messages) <= _called(kept)
    answered = {each["tool_call_id"] for each in messages if each["role"] == "tool"}
    assert _called(kept) & answered <= results
    assert compressed(kept, room).messages == kept


@given(conversations(), some.integers(0, 4_000))
def test_order_and_the_ends_are_kept(messages: list[Message], room: int) -> None:
    try:
        made = compressed(messages, room)
    except ContextTooLong:
        return
    places = {id(each): n for n, each in enumerate(messages)}
    untouched = [places[id(each)] for each in made.messages if id(each) in places]
    assert untouched == sorted(untouched)
    assert len(made.messages) - len(untouched) == int(made.shortened)
    assert made.messages[-1] is messages[-1]
    for each in messages:
        if each["role"] == "system":
            assert any(each is kept for kept in made.messages)
    users = [each for each in messages if each["role"] == "user"]
    assert not users or any(users[-1] is kept for kept in made.messages)


def test_the_middle_goes_first_and_is_shortened_where_it_is_cut() -> None:
    turns = [
        {"role": "user" if n % 2 else "assistant", "content": f"turn {n} " + "word " * 96} for n in range(21)
    ]
    made = compressed([*turns, {"role": "user", "content": "And now?"}], 850)
    said = [str(each["content"]) for each in made.messages]
    assert [text.split()[1] for text in said[:-1]] == ["0", "1", "2", "17", "18", "19", "20"]
    assert made.shortened and sum("[…]" in text for text in said) == 1
    assert made.dropped == 14
    assert made.note == f"before={made.before}, after={made.after}, dropped=14, shortened=1".encode()


def test_what_is_kept_in_any_case_and_does_not_fit_is_refused() -> None:
    with pytest.raises(ContextTooLong):
        compressed([{"role": "system", "content": "word " * 500}, {"role": "user", "content": "Hi"}], 300)


def test_ten_megabytes_take_time_in_proportion() -> None:
    def took(size: int) -> float:
        messages = [{"role": "user", "content": "word " * (size // 1_000 // 5)} for _ in range(1_000)]
        began = time.process_time()
        assert compressed(messages, 8_000).after <= 8_000
        return time.process_time() - began

    took(100_000)
    small, large = took(1_000_000), took(10_000_000)
    assert large < 5
    assert large < 40 * max(small, 0.01)


def test_one_long_message_is_shortened_in_few_steps() -> None:
    messages = [{"role": "user", "content": "अ" * 5_000_000}, {"role": "user", "content": "Hi"}]
    began = time.process_time()
    made = compressed(messages, 1_000)
    assert made.shortened and made.after <= 1_000
    assert time.process_time() - began < 3


LONG = [
    {"role": "user" if n % 2 else "assistant", "content": f"turn {n} " + "word " * 900} for n in range(11)
]
TOO_LONG: dict[str, Any] = {
    "model": "peer/good",
    "messages": [{"role": "system", "content": "Be short."}, *LONG, {"role": "user", "content": "And now?"}],
    "max_tokens": 100,
}


@pytest.mark.parametrize(
    "wish",
    [{"transforms": ["middle-out"]}, {"plugins": [{"id": "context-compression"}]}, None],
    ids=["transform", "plugin", "key"],
)
async def test_what_is_too_long_is_made_to_fit_where_that_is_asked_for(
    wish: dict[str, Any] | None, open_shop: OpenShop, base_url: str, peer: Peer
) -> None:
    shop = await open_shop(options=() if wish else ("compression",))
    before = len(peer.asked)
    reply = await ask(base_url, shop, body={**TOO_LONG, **(wish or {})})
    assert reply.status_code == 200
    [asked] = peer.asked[before:]
    sent = asked["body"]["messages"]
    assert sent[0] == TOO_LONG["messages"][0] and sent[-1] == TOO_LONG["messages"][-1]
    assert sum(map(weigh, sent)) + 100 <= 8_000
    dropped = len(TOO_LONG["messages"]) - len(sent)
    assert f"dropped={dropped}," in reply.headers["cm-compression"]
    assert not asked["body"].keys() & {"transforms", "plugins"}
    [row] = await shop.rows()
    assert row["options"] == f"dropped={dropped}"
    quote = await ask(base_url, shop, "/v1/quote", {**TOO_LONG, **(wish or {})})
    assert quote.json()["tokens_in"] <= 8_000


@pytest.mark.parametrize(
    "wish",
    [{}, {"transforms": []}, {"plugins": [{"id": "context-compression", "enabled": False}]}],
    ids=["none", "empty", "off"],
)
async def test_without_the_wish_it_is_refused(
    wish: dict[str, Any], open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop(options=("compression",) if wish else ())
    reply = await ask(base_url, shop, body={**TOO_LONG, **wish})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert await shop.rows() == []


async def test_what_fits_is_not_touched(open_shop: OpenShop, base_url: str, peer: Peer) -> None:
    shop = await open_shop(options=("compression",))
    body = {**TOO_LONG, "messages": [LONG[0], {"role": "user", "content": "And now?"}]}
    reply = await ask(base_url, shop, body=body)
    assert peer.asked[-1]["body"]["messages"] == body["messages"]
    assert "cm-compression" not in reply.headers


async def test_an_answer_longer_than_its_room_is_no_reason_to_refuse(
    open_shop: OpenShop, base_url: str, peer: Peer
) -> None:
    """Leaving out the middle does not help there: whoever answers decides, as without the option."""
    shop = await open_shop(options=("compression",))
    messages = [{"role": "user", "content": "word " * 5_800}]
    reply = await ask(base_url, shop, body={**TOO_LONG, "messages": messages, "max_tokens": 900})
    assert reply.status_code == 200
    assert peer.asked[-1]["body"]["messages"] == messages
