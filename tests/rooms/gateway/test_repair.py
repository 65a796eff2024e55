"""Repair of broken JSON: what parses is untouched, what is repaired parses, and neither text nor schema can hurt whoever repairs."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from callmissed.gateway.repair import Format, format_of, mended
from callmissed.gateway.repair.child import repaired
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.rooms.gateway.test_response_cache import ask
from tests.support.peer import Peer

OBJECT = Format("json_object")
JSON_TEXT = {"type": "json_object"}
HEAL: dict[str, Any] = {"plugins": [{"id": "response-healing"}], "response_format": JSON_TEXT}
SCHEMA = {
    "type": "object",
    "properties": {"price": {"type": "number"}},
    "required": ["price"],
    "additionalProperties": False,
}
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(-(10**9), 10**9) | some.text(), lambda each: some.lists(each, max_size=3)
    | some.dictionaries(some.text(), each, max_size=3), max_leaves=8,
)  # fmt: skip
BROKEN = {
    '```json\n{"price": 399}\n```': {"price": 399},
    '{"price": 399,}': {"price": 399},
    '{"price": 399': {"price": 399},
    '{"items": ["a", "b': {"items": ["a", "b"]},
    "{'price': 399}": {"price": 399},
    '{"price": 399 // in rupees\n}': {"price": 399},
    "{“price”: “₹399”}": {"price": "₹399"},
    "{'open': True, 'closed': False, 'until': None}": {"open": True, "closed": False, "until": None},
    'Here you are: {"price": 399}.': {"price": 399},
}


def said(*texts: str) -> bytes:
    return msgspec.json.encode(
        [{"index": n, "message": {"role": "assistant", "content": each}} for n, each in enumerate(texts)]
    )


def words(choices: bytes) -> list[str]:
    return [each["message"]["content"] for each in msgspec.json.decode(choices)]


@pytest.mark.parametrize("text", BROKEN)
def test_what_models_get_wrong_is_repaired(text: str) -> None:
    assert json.loads(repaired(text, None) or "null") == BROKEN[text]


@given(some.dictionaries(some.text(), VALUES, min_size=1), some.integers(0, 60))
def test_what_is_cut_is_no_json_or_repaired_to_it(value: dict[str, Any], cut: int) -> None:
    text = json.dumps(value, ensure_ascii=False)
    for broken in (text[: len(text) - cut], text[:cut] + text[cut + 1 :], text.replace('"', "'")):
        found = repaired(broken, None)
        assert found is None or isinstance(msgspec.json.decode(found), dict)


@given(some.text())
def test_any_text_comes_to_json_or_to_nothing(text: str) -> None:
    found = repaired(text, None)
    assert found is None or isinstance(msgspec.json.decode(found), dict)


@given(VALUES, some.sampled_from([None, 1, "\t"]))
async def test_what_parses_is_byte_for_byte_the_same(value: Any, indent: Any) -> None:
    choices = said(json.dumps(value, indent=indent, ensure_ascii=False), "")
    assert await mended(choices, OBJECT) == await mended(choices, Format("json_schema"))
    assert (await mended(choices, OBJECT)).choices is choices


async def test_every_choice_is_repaired_and_what_cannot_be_stays() -> None:
    made = await mended(said('{"a": 1}', "{'b': 2}", "No idea, sorry.", '["c",]'), OBJECT)
    assert made.outcome == "failed"
    assert words(made.choices) == ['{"a": 1}', '{"b": 2}', "No idea, sorry.", '["c",]']
    assert (await mended(said("{'b': 2}", "{'c': 3}"), OBJECT)).outcome == "repaired"


async def test_what_is_repaired_meets_the_schema_or_stays() -> None:
    wanted = format_of(
        {
            "response_format": msgspec.Raw(
                json.dumps({"type": "json_schema", "json_schema": {"schema": SCHEMA}}).encode()
            )
        }
    )
    assert wanted is not None
    made = await mended(said("{'price': 399}"), wanted)
    assert (made.outcome, words(made.choices)) == ("repaired", ['{"price": 399}'])
    for wrong in ("{'price': 'cheap'}", "{'cost': 399}", "{'price': 1e999}"):
        made = await mended(said(wrong), wanted)
        assert (made.outcome, made.choices) == ("failed", said(wrong))


async def test_texts_and_schemas_that_never_end_are_ended() -> None:
    """A schema that doubles forty times, and brackets without number: the time is bounded and the answer stays as it was."""
    doubling = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    schema = {"$ref": "#/$defs/a0", "$defs": {**doubling, "a40": {"minProperties": 0}}}
    evil = format_of(
        {
            "response_format": msgspec.Raw(
                json.dumps({"type": "json_schema", "json_schema": {"schema": schema}}).encode()
            )
        }
    )
    assert evil is not None
    began = time.monotonic()
    assert (await mended(said("{'a': 1}"), evil)).outcome in {"failed", "repaired"}
    for text in ("[" * 100_000, '{"a":' * 50_000, "{'a': \"" + 'x"y' * 200_000, "{'a'" * 300_000):
        made = await mended(said(text), OBJECT)
        assert made.outcome == "failed" or isinstance(msgspec.json.decode(words(made.choices)[0]), dict)
    assert time.monotonic() - began < 40


async def test_those_who_take_long_hold_up_nobody_for_long() -> None:
    slow, quick = said("{'a'" * 200_000), said("{'price': 399}")
    began = time.monotonic()
    made = await asyncio.gather(*(mended(each, OBJECT) for each in [slow] * 5 + [quick]))
    assert time.monotonic() - began < 15
    assert {each.outcome for each in made} <= {"repaired", "failed"}
    assert (await mended(quick, OBJECT)).outcome == "repaired"


async def test_a_schema_that_is_not_given_asks_for_an_object() -> None:
    bare = format_of(
        {"response_format": msgspec.Raw(b'{"type": "json_schema", "json_schema": {"name": "x"}}')}
    )
    assert bare is not None
    assert words((await mended(said("{'a': 1}"), bare)).choices) == ['{"a": 1}']


async def test_a_schema_fetches_nothing() -> None:
    async with _listener() as (port, calls):
        schema = {"$ref": f"http://127.0.0.1:{port}/schema.json"}
        wanted = format_of(
            {
                "response_format": msgspec.Raw(
                    json.dumps({"type": "json_schema", "json_schema": {"schema": schema}}).encode()
                )
            }
        )
        assert wanted is not None
        assert (await mended(said("{'a': 1}"), wanted)).outcome == "failed"
        assert calls == []


@contextlib.asynccontextmanager
async def _listener() -> AsyncGenerator[tuple[int, list[str]]]:
    calls: list[str] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append("called")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], calls


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "peer/says", "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("how", ["plugin", "key"])
async def test_an_answer_is_repaired_where_it_is_asked_for(
    how: str, open_shop: OpenShop, client_of: ClientOf, base_url: str
) -> None:
    shop = await open_shop(options=("repair",) if how == "key" else ())
    body = asked("{'price': 399,}", **(HEAL if how == "plugin" else {"response_format": JSON_TEXT}))
    reply = await ask(base_url, shop, body=body)
    assert reply.json()["choices"][0]["message"]["content"] == '{"price": 399}'
    assert reply.headers["cm-repair"] == "repaired"
    [row] = await shop.rows()
    assert (row["options"], row["tokens_in"], row["tokens_out"]) == ("json=repaired", 11, 7)
    assert await shop.adds_up()


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/responses", {"text": {"format": JSON_TEXT}, "input": "{'price': 399,}"}),
        (
            "/anthropic/v1/messages",
            {"max_tokens": 9, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
    ],
    ids=["responses", "messages"],
)
async def test_in_other_languages_too(
    path: str, more: dict[str, Any], open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop()
    reply = await ask(base_url, shop, path, {**asked("{'price': 399,}"), "plugins": HEAL["plugins"], **more})
    assert reply.headers["cm-repair"] == "repaired"
    assert json.dumps('{"price": 399}') in reply.text


async def test_what_is_not_asked_for_stays(open_shop: OpenShop, base_url: str, peer: Peer) -> None:
    shop, heals = await open_shop(), await open_shop(options=("repair",))
    plain = await ask(base_url, shop, body=asked("{'a': 1}", response_format=JSON_TEXT))
    words_only = await ask(base_url, heals, body=asked("{'a': 1}"))
    off = {"plugins": [{"id": "response-healing", "enabled": False}], "response_format": JSON_TEXT}
    switched_off = await ask(base_url, heals, body=asked("{'a': 1}", **off))
    for reply in (plain, words_only, switched_off):
        assert reply.json()["choices"][0]["message"]["content"] == "{'a': 1}"
        assert "cm-repair" not in reply.headers
    assert "plugins" not in peer.asked[-1]["body"]
    failed = await ask(base_url, shop, body=asked("Sorry.", **HEAL))
    assert failed.json()["choices"][0]["message"]["content"] == "Sorry."
    assert failed.headers["cm-repair"] == "failed"


async def test_a_stream_is_refused_or_left_as_it_is(open_shop: OpenShop, base_url: str) -> None:
    shop, heals = await open_shop(), await open_shop(options=("repair",))
    refused = await ask(base_url, shop, body=asked("{'a': 1}", stream=True, **HEAL))
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "plugins")
    assert await shop.rows() == []
    left = await ask(base_url, heals, body=asked("x", stream=True, response_format=JSON_TEXT))
    assert left.headers["cm-repair"] == "streamed"
