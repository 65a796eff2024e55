"""Whatever is sent gets an answer: bodies made at random, with all that JSON and Unicode allow, never break a route."""

import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp

from callmissed.foundation.services import Services
from tests.support.belongings import Belongings, belongings
from tests.support.routes import JSON, ask

pytestmark = pytest.mark.database

PROGRAM = {"accept": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="session")
async def ours(app: ASGIApp, services: Services) -> Belongings:
    """A tenant that owns one of everything."""
    return await belongings(app, services)


text = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
message = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]) | text, "content": text | value}
)
completion = st.fixed_dictionaries(
    {"model": st.just("local/extractive") | text, "messages": st.lists(message, max_size=4) | value},
    optional=dict.fromkeys(
        ("stream", "max_tokens", "n", "temperature", "tools", "stop", "user", "stream_options", "seed"), value
    ),
)
said = st.fixed_dictionaries(
    {"text": text | value, "client_ref": st.text(string.ascii_letters, min_size=8, max_size=12) | value},
    optional={"after": st.integers() | value, "more": value},
)
often = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@often
@given(body=completion)
async def test_no_completion_breaks_the_gateway(app, ours, body) -> None:
    reply = await ask(app, "POST", CHAT, ours.key | JSON, json.dumps(body).encode())
    assert reply.status < 500, reply.body
    assert reply.status == 200 or "error" in json.loads(reply.body)


turn = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]) | text, "content": text | st.lists(value, max_size=3)}
)
asked = st.fixed_dictionaries(
    {"model": st.just("local/extractive"), "max_tokens": st.integers(1, 50) | value},
    optional={
        "messages": st.lists(turn, max_size=4) | value,
        **dict.fromkeys(
            ("stream", "system", "tools", "tool_choice", "thinking", "stop_sequences", "output_config"), value
        ),
    },
)


@often
@given(body=asked, path=st.sampled_from(["/v1/messages", "/anthropic/v1/messages/count_tokens"]))
async def test_no_message_breaks_the_gateway(app, ours, body, path) -> None:
    reply = await ask(app, "POST", path, ours.key | JSON, json.dumps(body).encode())
    assert reply.status < 500, reply.body
    assert reply.status == 200 or json.loads(reply.body)["type"] == "error"


@often
@given(body=said, path=st.sampled_from(["messages", "person", "assistant"]))
async def test_nothing_a_visitor_sends_breaks_the_widget(app, ours, body, path) -> None:
    widget = f"/widget/{ours.ids['widget_id']}"
    begun = json.loads((await ask(app, "POST", f"{widget}/sessions")).body)
    known = {"authorization": f"Bearer {begun['token']}"}
    reply = await ask(app, "POST", f"{widget}/{path}", known | JSON, json.dumps(body).encode())
    assert reply.status < 500, reply.body
    assert reply.status == 200 or reply.kind == "application/problem+json"


@often
@given(body=st.binary(max_size=200))
async def test_no_bytes_break_a_form_or_a_document(app, ours, body) -> None:
    places = ((CHAT, JSON), (f"/widget/{ours.ids['widget_id']}/messages", JSON), ("/app/bots", FORM))
    for path, kind in places:
        known = ours.key if path == CHAT else ours.visitor | ours.cookie
        assert (await ask(app, "POST", path, known | kind | PROGRAM, body)).status < 500


vectors = st.fixed_dictionaries(
    {
        "model": st.just("local/lexical") | text,
        "input": text | st.lists(text | st.integers(), max_size=4) | value,
    },
    optional=dict.fromkeys(("dimensions", "encoding_format", "user", "prompt"), value | st.integers(1, 5000)),
)


@often
@given(
    body=vectors, path=st.sampled_from(["/v1/embeddings", "/v1/moderations", "/v1/completions", "/v1/quote"])
)
async def test_no_other_request_breaks_the_gateway(app, ours, body, path) -> None:
    reply = await ask(app, "POST", path, ours.key | JSON, json.dumps(body).encode())
    assert reply.status < 500, reply.body
    assert reply.status == 200 or "error" in json.loads(reply.body)


@often
@given(name=st.binary(min_size=1, max_size=250))
async def test_no_idempotency_key_breaks_the_gateway(app, ours, name) -> None:
    body = json.dumps({"model": "local/lexical", "input": "x"}).encode()
    reply = await ask(
        app, "POST", "/v1/embeddings", ours.key | JSON | {"idempotency-key": name.decode("latin-1")}, body
    )
    assert reply.status in {200, 422}
