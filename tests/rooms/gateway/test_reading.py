"""Whatever is sent to /v1: it is read, or refused in words; nothing else happens. Each language, with bodies drawn at random."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callmissed.foundation.problems import Problem
from callmissed.gateway.catalogue import Model, model_of
from callmissed.gateway.languages import ANTHROPIC, OPENAI, PROMPTS, RESPONSES
from callmissed.gateway.messages import read_count_request
from callmissed.gateway.works import ENDPOINTS

MODEL: Model = model_of(
    {"id": "m", "upstream": "u", "price_in": "1", "price_out": "2", "context": 8000, "longest_answer": 1000}
)
READERS: dict[str, Callable[[bytes], Any]] = {
    **{each.completions: each.read for each in (OPENAI, PROMPTS, RESPONSES, ANTHROPIC)},
    "/v1/embeddings": lambda body: ENDPOINTS["/v1/embeddings"].read(body, "m"),
    "/v1/moderations": lambda body: ENDPOINTS["/v1/moderations"].read(body, "m"),
}
MEMBERS = (
    "model", "models", "messages", "prompt", "input", "instructions", "system", "stream", "stream_options", "max_tokens",
    "max_completion_tokens", "max_output_tokens", "n", "temperature", "top_p", "top_k", "tools", "tool_choice", "response_format",
    "text", "reasoning", "reasoning_effort", "thinking", "metadata", "stop", "stop_sequences", "echo", "best_of", "logprobs",
    "suffix", "store", "previous_response_id", "include_usage", "dimensions", "encoding_format", "container", "unknown",
)  # fmt: skip
PARTS = (
    "role", "content", "type", "text", "image_url", "source", "url", "data", "media_type", "id", "name", "input", "call_id",
    "arguments", "output", "tool_use_id", "tool_calls", "function", "parameters", "input_schema", "strict", "file_data",
)  # fmt: skip
WORDS = (
    "user", "assistant", "system", "tool", "developer", "text", "image", "image_url", "input_text", "tool_use", "tool_result",
    "function", "function_call", "function_call_output", "message", "reasoning", "auto", "any", "none", "base64", "url",
    "json_schema", "thinking", "document", "peer/good",
)  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(WORDS)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=5),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(MEMBERS), values, max_size=8).map(
    lambda drawn: msgspec.json.encode({"model": "m", **drawn})
)
DEEP = b'{"model":"m","messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}"


def attempt(read: Callable[[bytes], Any], body: bytes) -> Any:
    """What is read, or the Problem that says why not."""
    try:
        return read(body)
    except Problem as refused:
        return refused


@pytest.mark.parametrize("path", READERS)
@given(body=bodies | st.binary(max_size=60))
@example(body=DEEP)
@example(body=b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}')
@example(
    body=b'{"model":"m","prompt":"\\ud800","input":"\\ud800","messages":[{"role":"user","content":"\\ud800"}]}'
)
@example(body=b'{"model":"m","input":[[1,2],[3]],"prompt":[1],"messages":[]}')
@example(body=b'{"model":"m","model":7,"messages":[{"role":"user","content":"x"}],"input":"x","prompt":"x"}')
def test_a_body_is_read_or_refused_in_words(path: str, body: bytes) -> None:
    request = attempt(READERS[path], body)
    if isinstance(request, Problem):
        assert 400 <= request.status < 500
        assert request.message
        return
    most = request.at_most([MODEL])
    assert 0 < most.price_micro < 10**15
    assert most.reading >= 0
    assert most.writing >= 0
    assert 0 <= request.reading() < math.inf
    msgspec.json.encode({**request.extra, "model": request.model})


@given(body=bodies | st.binary(max_size=60))
def test_a_body_is_counted_or_refused_in_words(body: bytes) -> None:
    found = attempt(read_count_request, body)
    if isinstance(found, Problem):
        assert 400 <= found.status < 500
        return
    model, messages, tools = found
    assert model
    assert tools >= 0
    msgspec.json.encode(messages)
