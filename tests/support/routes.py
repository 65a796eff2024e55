"""Every route there is, and asking one over ASGI as a real server would, down to single bytes."""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message

from callmissed.foundation.http import AccessRule

SURFACE = (
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model_id}"),
    ("GET", "/v1/generation"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/moderations"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/quote"),
    ("POST", "/v1/search"),
    ("POST", "/v1/tokens"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/audio/transcriptions"),
    ("POST", "/v1/audio/translations"),
    ("POST", "/v1/images/generations"),
    ("GET", "/v1/images/history"),
    ("GET", "/v1/images/{picture_id}"),
    ("DELETE", "/v1/images/{picture_id}"),
    ("GET", "/v1/files"),
    ("POST", "/v1/files"),
    ("GET", "/v1/files/{file_id}"),
    ("DELETE", "/v1/files/{file_id}"),
    ("GET", "/v1/files/{file_id}/content"),
    ("GET", "/v1/batches"),
    ("POST", "/v1/batches"),
    ("GET", "/v1/batches/{batch_id}"),
    ("POST", "/v1/batches/{batch_id}/cancel"),
    ("GET", "/anthropic/v1/models"),
    ("GET", "/anthropic/v1/models/{model_id}"),
    ("POST", "/anthropic/v1/messages"),
    ("POST", "/anthropic/v1/messages/count_tokens"),
)
"""The gateway's own routes, which no router knows. A test compares them with the surface's source."""

_parameter = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Spot:
    """One route under one method. `rule` is None where nobody declared who may call it."""

    method: str
    path: str
    rule: AccessRule | None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(_parameter.findall(self.path))

    @property
    def changes(self) -> bool:
        """Whether it may change something (RFC 9110 §9.2.1)."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}

    def at(self, values: Mapping[str, object]) -> str:
        """Its address with these values. Raises KeyError for a parameter that has none."""
        return _parameter.sub(lambda hit: str(values[hit[1]]), self.path)

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.method} {self.path}"


def spots(app: FastAPI) -> list[Spot]:
    """Every route of the application under each of its methods. Static files are a mount, and no route."""
    return list(_spots(app))


def _spots(app: FastAPI) -> Iterator[Spot]:
    for context in iter_route_contexts(app.routes):
        given = (each.dependency for each in getattr(context, "dependencies", None) or ())
        rule = next((each for each in given if isinstance(each, AccessRule)), None)
        for method in sorted(getattr(context, "methods", None) or ()):
            yield Spot(method, context.path or "", rule)


@dataclass(slots=True)
class Reply:
    """What came back. Of a stream of events only the head is read."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""

    @property
    def kind(self) -> str:
        """The media type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0]


async def ask(
    app: ASGIApp,
    method: str,
    address: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    raw: Iterable[tuple[bytes, bytes]] = (),
) -> Reply:
    """One request to this host, with the headers given; those in `raw` are sent byte by byte."""
    named = {"host": "127.0.0.1", **(headers or {})}
    sent = [*((name.lower().encode(), value.encode()) for name, value in named.items()), *raw]
    if body and not any(name == b"content-length" for name, _ in sent):
        sent.append((b"content-length", str(len(body)).encode()))
    scope = _scope(method, address, sent)
    reply, whole, asked = Reply(), asyncio.Event(), False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers |= {
                name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]
            }
        reply.body += message.get("body", b"")
        ended = message["type"] == "http.response.body" and not message.get("more_body")
        if ended or reply.kind == "text/event-stream":
            whole.set()

    async def answer() -> None:
        await app(scope, receive, send)

    answering = asyncio.create_task(answer())
    waiting = asyncio.create_task(whole.wait())
    await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    if not answering.done() and reply.kind == "text/event-stream":
        answering.cancel()
    waiting.cancel()
    await asyncio.gather(answering, waiting, return_exceptions=True)
    if answering.done() and not answering.cancelled() and (failure := answering.exception()):
        raise failure
    return reply


def _scope(method: str, address: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """A request as a server hands it over."""
    path, _, query = address.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 4711), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip


def form(**fields: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form."""
    return {"content-type": "application/x-www-form-urlencoded"}, urlencode(fields).encode()


JSON = {"content-type": "application/json"}
FILLED, FIELDS = form(name="Planted", greeting="Hello", text="Hello", title="Hello", organisation="Planted")
DOCUMENTS = {
    "PUT /api/v1/bots/{bot_id}": b'{"name":"Planted","greeting":"Hello"}',
    "POST /api/v1/conversations/{conversation_id}/messages": b'{"text":"Hello"}',
    "PATCH /api/v1/members/{member_id}": b'{"role":"billing"}',
    "PUT /api/v1/budget": b'{"monthly_micro":5000000000}',
    "PUT /api/v1/keys/{key_id}": b'{"name":"Planted"}',
    "PUT /api/v1/provider-keys": b'{"upstream":"openai","secret":"sk-planted-0000000","contract":"Planted",'
    b'"contract_on":"2026-01-01","excludes_training":true}',
    "PUT /api/v1/roles/{role_id}": b'{"name":"Planted","permissions":["bots.read"]}',
}
"""What programs send to change something that is there."""


def filled(spot: Spot) -> tuple[dict[str, str], bytes]:
    """Headers and body of a good request: a form for pages, a document for programs."""
    return (JSON, DOCUMENTS.get(str(spot), b"{}")) if spot.path.startswith("/api/") else (FILLED, FIELDS)
