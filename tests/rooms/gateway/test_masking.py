"""Masking of Indian identifiers: what is found and what is not, that it comes back, and that no upstream ever sees it."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from anthropic import AsyncAnthropic
from hypothesis import example, given
from hypothesis import strategies as st

from callmissed.gateway.masking import Mask, Restoring, masked, restored
from callmissed.gateway.masking.identifiers import KINDS, find, verhoeff
from callmissed.gateway.masking.mask import MOST
from callmissed.gateway.problems import TooLongToMask
from callmissed.gateway.upstreams import Piece, Replied
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.support.peer import Peer

# Made up: check digits are right, numbers are nobody's. Each is found as its kind, whole.
FOUND = {
    "AADHAAR": (
        "My Aadhaar is |2345 6789 0124|.", "uid:|234567890124|", "|9999-4105-7058| is attached", "आधार |२३४५ ६७८९ ०१२४| है",
        "|2345 6789 0124| |234567890124|", "|2345\u00a06789\u202f0124|", "|2345\u20096789\u30000124|", "|2345\u20136789\u20110124|",
        "|２３４５６７８９０１２４|", '{"note": "uid:\\n|234567890124|\\u20b9"}',
    ),
    "PAN": ("PAN |ABCPE1234F|", "pan no. |abcpe1234f|,", "firm's |AAACF 1234 K| card", "(|AABTS9876Q|)"),
    "GSTIN": ("GSTIN: |27AAPFU0939F1ZV|", "bill to |29aagcr4375j1zu| please"),
    "IFSC": ("IFSC |HDFC0001234|", "|SBIN0AB1234|", "send by NEFT to |icic0000456|"),
    "UPI": ("pay |ram.kumar@okaxis| now", "|9876543210@ybl|", "UPI id is |meera@home|", "|shop-7@PAYTM|."),
    "EMAIL": (
        "write to |meera.nair@example.co.in|.", "<|a+b@x.org|>", "|नाम@example.com|", "mailto:|x_1@sub.example.com|",
        "|meera＠example．in|", '"hi\\t|m@x.org|"',
    ),
    "CARD": (
        "card |4111 1111 1111 1111| 12/29", "|5555555555554444|", "amex |3782 822463 10005|", "RuPay |6521-0000-0000-0007|",
        "|4111 1111 1111 1111| 123", "|4111\u20101111\u20101111\u20101111|",
    ),
    "PHONE": (
        "|+91 98765 43210|", "|+919876543210|", "|098765 43210|", "call |9876543210| today", "|98765 43210|", "mob: |9876543210|",
        "office |022-2345 6789|", "मेरा नंबर |९८७६५४३२१०| है", "whatsapp |919876543210|", '{"phone": |9876543210|}', "|080-41234567|",
        "|+91 (98765) 43210|", "|+91\u00a098765\u00a043210|", "call |98765\u201443210|", "|＋９１ ９８７６５ ４３２１０|",
    ),
}  # fmt: skip
LEFT = (
    "order 9876543210 is late", "invoice 234567890125", "Aadhaar 1234 5678 9012", "at 1732980000 or 1732980000123", "PAN ABCXE1234F",
    "27AAPFU0939F1ZW", "pi is 3.234567890124", "UTR 412345678901", "4111 1111 1111 1112", "see user@host, @okaxis and #9876543210x",
    "ISBN 978-81-291-3572-8", "12 March 2026, 10:30", "₹12,34,567.89", "AWB 1234567890", "shape 2024 I saw", "[AADHAAR_1] is not ours",
    "the 2345 6789 0124 5678 series", "hex 9f8e7d6c5b4a39281706", "HDFC1001234", "a@b", "meet at 9876 5432",
)  # fmt: skip
KEPT_IN = (
    "Aadhaar 2345 6789 0124, PAN ABCPE1234F, mail meera@example.in, again 2345 6789 0124, UPI meera@okaxis"
)
SECRETS = ("2345 6789 0124", "ABCPE1234F", "meera@example.in", "meera@okaxis")

words = st.sampled_from([text.replace("|", "") for each in FOUND.values() for text in each] + list(LEFT))
texts = st.lists(words | st.text(max_size=12), max_size=8).map(" ".join)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_whole(kind: str) -> None:
    missed = [text for text in FOUND[kind] if _marked(text.replace("|", ""), kind) != text]
    assert missed == []


def test_what_only_resembles_one_is_left() -> None:
    assert [text for text in LEFT if find(text)] == []


def test_the_check_digit_is_verhoeffs() -> None:
    assert verhoeff("2363") and verhoeff("234567890124")
    assert not any(verhoeff(f"23456789012{digit}") for digit in "012356789")
    swapped = [f"2345678901{'24'[::-1]}", "324567890124", "243567890124"]
    assert not any(map(verhoeff, swapped))


@given(texts)
@example("[PHONE_1] +91 98765 43210 [PHONEX_1] [PHONEXX_")
def test_what_is_masked_comes_back_as_it_was(text: str) -> None:
    mask = Mask(text)
    hidden = mask.text(text)
    assert mask.restore(hidden) == text
    assert mask.restore_json(msgspec.json.encode([hidden])) == msgspec.json.encode([text])
    assert len(mask) == len({(text[start:end], kind) for start, end, kind in find(text)})


@given(texts, st.lists(st.integers(1, 9), min_size=1, max_size=6), st.booleans())
def test_a_stream_cut_anywhere_says_the_same_as_a_whole_answer(
    text: str, cuts: list[int], finishes: bool
) -> None:
    mask = Mask(text)
    hidden = mask.text(text)
    parts: list[str] = []
    while hidden:
        size = cuts[len(parts) % len(cuts)]
        parts.append(hidden[:size])
        hidden = hidden[size:]
    deltas: list[dict[str, Any]] = [{"content": part} for part in parts] + [{}]
    said = asyncio.run(_streamed(mask, deltas, finishes=finishes))
    assert "".join(piece.text for piece in said) == text
    assert "".join(_contents(said)) == text


def test_no_more_waits_than_may_be_a_placeholder() -> None:
    mask = Mask("")
    mask.text("2345 6789 0124")
    stream = Restoring(mask)
    out = [
        stream.piece(_piece({"content": part})).text
        for part in ("See [1", "], [AAD", "HAAR_", "1]", ", [AADX", "[")
    ]
    assert out == ["See [1", "], ", "", "2345 6789 0124", ", [AADX", ""]
    assert (rest := stream.rest()) is not None and rest.text == "["


def test_what_waits_goes_out_before_something_else_is_said() -> None:
    mask = Mask("")
    mark = mask.text("+91 98765 43210")
    stream = Restoring(mask)
    call = {"index": 0, "id": "call_1", "function": {"name": "dial", "arguments": ""}}
    out = [
        stream.piece(_piece(delta))
        for delta in (
            {"content": "[PHO"}, {"role": "assistant"}, {"tool_calls": [call]},
            *({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in ('{"to":"', mark[:4], mark[4:], '"}[')),
            {"tool_calls": [{"index": 1, "id": "call_2", "function": {"name": "dial", "arguments": "{}"}}]},
        )
    ]  # fmt: skip
    assert [piece.text for piece in out] == ["", "", "[PHO", "", "", "", "", ""]
    added = [msgspec.json.decode(piece.choices)[0]["delta"].get("tool_calls", []) for piece in out]
    written = ["", ""]
    for call in (call for calls in added for call in calls):
        written[call["index"]] += call["function"]["arguments"]
    assert written == ['{"to":"+91 98765 43210"}[', "{}"]


async def test_every_part_of_a_request_is_masked_and_bytes_are_not() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://x.example/?p=+91 98765 43210"}}
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": '{"uid": 234567890124, "n": 7}'},
    }
    said: list[dict[str, Any]] = [
        {"role": "system", "content": "Call +91 98765 43210"},
        {"role": "user", "content": [{"type": "text", "text": "+91 98765 43210"}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "it is 234567890124"},
    ]
    extra = {"user": msgspec.Raw(b'"meera@example.in"'), "seed": msgspec.Raw(b"234567890124")}
    mask, messages, members = await masked(said, extra)
    assert messages[0]["content"] == "Call [PHONE_1]"
    assert messages[1]["content"] == [{"type": "text", "text": "[PHONE_1]"}, picture]
    assert messages[2]["tool_calls"][0]["function"]["arguments"] == '{"uid":"[AADHAAR_1]","n":7}'
    assert messages[3]["content"] == "it is [AADHAAR_1]"
    assert {name: bytes(raw) for name, raw in members.items()} == {
        "user": b'"[EMAIL_1]"',
        "seed": b"234567890124",
    }
    answer = msgspec.json.encode([{"message": {"content": "[PHONE_1] [PHONE_2] [EMAIL_1]"}}])
    whole = restored(mask, Replied(answer, "[PHONE_1]"))
    assert (
        msgspec.json.decode(whole.choices)[0]["message"]["content"]
        == "+91 98765 43210 [PHONE_2] meera@example.in"
    )
    assert (whole.text, len(mask)) == ("+91 98765 43210", 3)


async def test_names_and_numbers_are_masked_wherever_they_stand() -> None:
    call = {"function": {"name": "f", "arguments": '{"meera@example.in": {"234567890124": true}}'}}
    extra = {
        "metadata": msgspec.Raw(b'{"id":234567890124,"n":7,"ok":true,"seed":234567890124,"a@b.org":[1]}')
    }
    _, messages, members = await masked([{"role": "assistant", "tool_calls": [call]}], extra)
    assert messages[0]["tool_calls"][0]["function"]["arguments"] == '{"[EMAIL_1]":{"[AADHAAR_1]":true}}'
    assert bytes(members["metadata"]) == (
        b'{"id":"[AADHAAR_1]","n":7,"ok":true,"seed":"[AADHAAR_1]","[EMAIL_2]":[1]}'
    )


BYTES = "data:application/pdf;name=a.pdf;base64,JVBERi0xLjQ="
WORDS = (
    "data: 2345 6789 0124", "data:text/plain,2345 6789 0124", "data:a/b;base64,AAAA 2345 6789 0124", "data:a/b;base64,\n[] m@x.org",
)  # fmt: skip
PARTS = (
    {"type": "image_url", "image_url": {"url": "https://x.example/meera@example.in"}},
    {"type": "image_url", "image_url": {"url": BYTES, "detail": "low"}},
    {"type": "input_audio", "input_audio": {"data": "234567890124", "format": "wav"}},
    {"type": "file", "file": {"file_data": BYTES, "filename": "a.pdf"}},
    {"type": "input_image", "image_url": BYTES},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "234567890124"}},
    {"type": "image", "source": {"type": "url", "url": "https://x.example/234567890124"}},
)
NO_PARTS: tuple[dict[str, Any], ...] = (
    {"type": "object", "properties": {"type": {"type": ["string"]}, "url": "m@x.org"}},
    {"type": "image_url", "url": "m@x.org", "image_url": {"data": "m@x.org", "more": {"url": "https://x.example/m@x.org"}}},
    {"type": "image_url", "image_url": {"url": "m@x.org"}},
    {"type": "input_audio", "input_audio": {"data": "it is 2345 6789 0124"}},
    {"type": "document", "source": {"type": "text", "data": "2345 6789 0124"}},
    {"type": {"type": "file"}, "file": {"file_data": "m@x.org"}},
    {"data": "m@x.org", "url": "m@x.org", "file_data": ["m@x.org"]},
    {"function": {"arguments": '{"type":"url","url":"https://x.example/m@x.org","arguments":"data:a/b;base64,m@x.org"}'}},
)  # fmt: skip


def test_only_pictures_sound_and_files_are_left_as_they_are() -> None:
    assert [part for part in PARTS if Mask("").words(part) != part] == []
    for node in (*WORDS, *NO_PARTS):
        hidden = str(Mask("").words(node))
        assert "m@x.org" not in hidden and "2345" not in hidden, node


async def test_too_much_text_is_refused_and_pictures_are_no_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * MOST}}
    await masked([{"role": "user", "content": [picture]}], {})
    with pytest.raises(TooLongToMask):
        await masked([{"role": "user", "content": "a"}], {"odd": msgspec.Raw(b'"' + b"a" * MOST + b'"')})


async def test_what_looks_like_a_placeholder_is_nobodys_value() -> None:
    _, messages, _ = await masked(
        [{"role": "user", "content": "[PHONE_1] is +91 98765 43210, [PHONEX_1]"}], {}
    )
    assert messages[0]["content"].startswith("[PHONE_1] is [PHONEXX_1]")
    written = r'{"a": "\u005b\u0045MAIL_1]", "b": "m@x.org"}'
    call = {"function": {"name": "f", "arguments": written}}
    mask, messages, _ = await masked([{"role": "assistant", "tool_calls": [call]}], {})
    hidden = messages[0]["tool_calls"][0]["function"]["arguments"]
    assert hidden == '{"a":"[EMAIL_1]","b":"[EMAILX_1]"}'
    assert mask.restore(hidden) == '{"a":"[EMAIL_1]","b":"m@x.org"}'


@pytest.mark.parametrize(
    "text",
    [
        "9" * 300_000,
        "a." * 150_000 + "@",
        "1111-" * 60_000,
        "a@a." * 75_000,
        "[PHONEX_" * 40_000,
        "\\" * 300_000 + "u00",
    ],
)
def test_long_nonsense_takes_no_longer_than_sense(text: str) -> None:
    began = time.process_time()
    Mask(text).text(text)
    assert time.process_time() - began < 5


SURFACES = (
    "chat",
    "chat stream",
    "prompt",
    "response",
    "response stream",
    "message",
    "message stream",
    "tool",
    "tool stream",
)


@pytest.mark.parametrize("surface", SURFACES)
async def test_no_supplier_sees_it_and_the_caller_gets_it_back(
    surface: str, open_shop: OpenShop, client_of: ClientOf, base_url: str, peer: Peer
) -> None:
    shop = await open_shop(options=("masking",))
    before = len(peer.asked)
    async with AsyncAnthropic(base_url=f"{base_url}/anthropic", api_key=shop.key, max_retries=0) as claude:
        said = await _ask(surface, client_of(shop), claude)
    assert said == KEPT_IN
    [asked] = peer.asked[before:]
    sent = str(asked["body"])
    assert "[AADHAAR_1], PAN [PAN_1], mail [EMAIL_1], again [AADHAAR_1], UPI [UPI_1]" in sent
    assert not any(secret in sent for secret in SECRETS)
    [row] = await shop.rows()
    assert (row["status"], row["options"]) == ("ok", "masked=4")
    assert await shop.adds_up()


async def test_vectors_are_made_of_placeholders(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop(options=("masking",))
    hidden = await client_of(shop).embeddings.create(model="local/lexical", input="Aadhaar 2345 6789 0124")
    other = await client_of(await open_shop()).embeddings.create(
        model="local/lexical", input="Aadhaar [AADHAAR_1]"
    )
    assert hidden.data[0].embedding == other.data[0].embedding
    [row] = await shop.rows()
    assert row["options"] == "masked=1"


async def test_without_the_switch_nothing_is_touched(
    open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop = await open_shop()
    before = len(peer.asked)
    assert await _chat(client_of(shop)) == KEPT_IN
    assert peer.asked[before]["body"]["messages"] == [{"role": "user", "content": KEPT_IN}]
    [row] = await shop.rows()
    assert row["options"] is None


# How each surface is asked


async def _chat(client: Any) -> str:
    reply = await client.chat.completions.create(
        model="peer/echo", messages=[{"role": "user", "content": KEPT_IN}]
    )
    return reply.choices[0].message.content


async def _ask(surface: str, client: Any, claude: Any) -> str:
    said: Any = {"model": "peer/echo", "messages": [{"role": "user", "content": KEPT_IN}]}
    tool: Any = {"type": "function", "function": {"name": "price", "parameters": {"type": "object"}}}
    if surface == "chat":
        return await _chat(client)
    if surface == "chat stream":
        return "".join(
            [
                each.choices[0].delta.content or ""
                async for each in await client.chat.completions.create(**said, stream=True)
            ]
        )
    if surface == "prompt":
        return (await client.completions.create(model="peer/echo", prompt=KEPT_IN)).choices[0].text
    if surface == "response":
        return (await client.responses.create(model="peer/echo", input=KEPT_IN)).output_text
    if surface == "response stream":
        async for event in await client.responses.create(model="peer/echo", input=KEPT_IN, stream=True):
            if event.type == "response.completed":
                return event.response.output_text
    if surface == "message":
        return (await claude.messages.create(**said, max_tokens=99)).content[0].text
    if surface == "message stream":
        async with claude.messages.stream(**said, max_tokens=99) as stream:
            return "".join([text async for text in stream.text_stream])
    if surface == "tool":
        reply = await client.chat.completions.create(**said, tools=[tool])
        return msgspec.json.decode(reply.choices[0].message.tool_calls[0].function.arguments)["of"]
    deltas = [
        each.choices[0].delta
        async for each in await client.chat.completions.create(**said, tools=[tool], stream=True)
    ]
    written = "".join(call.function.arguments or "" for each in deltas for call in each.tool_calls or ())
    return msgspec.json.decode(written)["of"]


# Small things


def _marked(text: str, kind: str) -> str:
    """The text with bars around what is found of a kind, and nothing else found."""
    out, last = "", 0
    for start, end, found in find(text):
        bar = "|" if found == kind else "!"
        out += text[last:start] + bar + text[start:end] + bar
        last = end
    return out + text[last:]


def _piece(delta: dict[str, Any], finish: str | None = None) -> Piece:
    return Piece(msgspec.json.encode([{"index": 0, "delta": delta, "finish_reason": finish}]))


async def _streamed(mask: Mask, deltas: list[dict[str, Any]], *, finishes: bool) -> list[Piece]:
    async def pieces() -> AsyncGenerator[Piece]:
        for delta in deltas:
            yield _piece(delta, "stop" if finishes and not delta else None)

    return [piece async for piece in Restoring(mask).pieces(pieces())]


def _contents(pieces: list[Piece]) -> list[str]:
    return [
        choice["delta"].get("content", "")
        for piece in pieces
        for choice in msgspec.json.decode(piece.choices)
    ]
