"""Reading a batch's file: every request is found where it stands, whatever stands around it, and every fault is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.gateway.batches import lines
from callmissed.gateway.batches.lines import Reading, cut, read_line
from callmissed.gateway.problems import ModelNotFound

CHAT = "/v1/chat/completions"
BODY: dict[str, object] = {"model": "good", "messages": []}


def line(custom_id: str, **more: object) -> bytes:
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": CHAT, "body": BODY, **more}).encode()


def allow(model: str | None) -> None:
    if model != "good":
        raise ModelNotFound(param="model")


def read(content: bytes) -> tuple[Reading, list[bytes]]:
    reading, parts = Reading(CHAT, allow), list(cut(content))
    for number, part in enumerate(parts):
        reading.part(number, part)
    return reading, parts


@given(
    st.lists(st.text(max_size=20), unique=True, max_size=30),
    st.lists(st.sampled_from([b"\n", b"\r\n", b"\n\n", b" \n\t\n"]), min_size=30, max_size=30),
    st.sampled_from([1, 100, 300, 10_000]),
)
def test_every_request_is_found_where_it_stands(ids: list[str], ends: list[bytes], size: int) -> None:
    names = [f"q{each}" for each in ids]
    content = b"".join(line(name) + end for name, end in zip(names, ends, strict=False))
    parts = list(cut(content, size))
    assert b"".join(parts) == content
    assert all(part.endswith(b"\n") for part in parts)
    reading = Reading(CHAT, allow)
    for number, part in enumerate(parts):
        reading.part(number, part)
    assert reading.faults == []
    found = [read_line(parts[each.part][each.begins : each.ends]).custom_id for each in reading.places]
    assert found == names
    numbers = [each.number for each in reading.places]
    assert numbers == [content[: content.index(line(name))].count(b"\n") + 1 for name in names]


FAULTS: dict[str, tuple[bytes, str, str | None]] = {
    "no JSON": (b"{", "line_unreadable", None),
    "no text": (b'{"custom_id": "\xff"}', "line_unreadable", None),
    "a list": (b"[]", "line_unreadable", None),
    "no custom_id": (line("x").replace(b"custom_id", b"customid"), "line_unreadable", None),
    "an empty custom_id": (line(""), "line_unreadable", None),
    "a long custom_id": (line("x" * 513), "line_unreadable", None),
    "deep": (
        line("x", body=0).replace(b"0}", b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "line_unreadable",
        None,
    ),
    "another method": (line("x", method="GET"), "mismatched_endpoint", "url"),
    "another address": (line("x", url="/v1/embeddings"), "mismatched_endpoint", "url"),
    "a body that is a list": (line("x", body=[1]), "line_unreadable", "body"),
    "a stream": (line("x", body={**BODY, "stream": True}), "line_streamed", "body.stream"),
    "no model": (line("x", body={}), "model_not_found", "body.model"),
    "another model": (line("x", body={"model": "bad"}), "model_not_found", "body.model"),
    "a custom_id again": (line("first"), "duplicate_custom_id", "custom_id"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_line(name: str) -> None:
    bad, code, param = FAULTS[name]
    reading, _ = read(line("first") + b"\n\n" + bad + b"\n" + line("last"))
    assert reading.faults == [(3, code, param)]
    assert [each.number for each in reading.places] == [1, 3, 4]


def test_reading_ends_where_it_is_hopeless() -> None:
    many, _ = read(b"{}\n" * 20_000)
    assert len(many.faults) == lines.MOST_FAULTS
    long, _ = read(b"".join(line(f"q{n}") + b"\n" for n in range(lines.MOST_LINES + 5)))
    assert len(long.places) == lines.MOST_LINES + 1 and not long.faults
