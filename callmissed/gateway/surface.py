"""/v1: the surface OpenAI's clients speak to. A plain ASGI callable, because it is the hot path."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

import msgspec
from starlette.types import Receive, Scope, Send

from callmissed.billing import DEFAULT_PLAN
from callmissed.foundation import clock
from callmissed.foundation.http import openai_document
from callmissed.foundation.money import show
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.services import Services
from callmissed.gateway import wire
from callmissed.gateway.completions import Call, Caller, complete, stream
from callmissed.gateway.limits import RateLimit
from callmissed.gateway.problems import KeyMissing, ModelNotFound, RateLimited
from callmissed.gateway.register import Upstreams
from callmissed.gateway.requests import CompletionRequest, read_request
from callmissed.gateway.upstreams import Piece
from callmissed.identity import KeyAccess, KeyRing

JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    NO_STORE,
    (b"x-accel-buffering", b"no"),
]
BEARER = b"bearer "
Headers = list[tuple[bytes, bytes]]


class Surface:
    """POST /v1/chat/completions, GET /v1/models and GET /v1/models/{id}. Problems it raises are rendered by the edge."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = RateLimit(DEFAULT_PLAN.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises Problems, before anything was sent."""
        arrived = time.perf_counter()
        key = await self._admit(scope)
        method, path = scope["method"], scope["path"]
        if method == "POST" and path == "/v1/chat/completions":
            request = read_request(await _body(receive))
            async with _listening(receive) as gone:
                try:
                    await self._chat(key, request, arrived, send)
                except asyncio.CancelledError:
                    if not gone.is_set():
                        raise
        elif method == "GET" and path == "/v1/models":
            listed = [wire.model(route) for route in self._services.get(Upstreams).models()]
            await _send(send, {"object": "list", "data": listed})
        elif method == "GET" and path.startswith("/v1/models/"):
            await _send(send, self._model(path.removeprefix("/v1/models/")))
        else:
            raise NotFound

    async def _admit(self, scope: Scope) -> KeyAccess:
        """Whose key it is, and whether it may call now. Raises KeyMissing, the Problems of keys, Forbidden, RateLimited."""
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if header[: len(BEARER)].lower() != BEARER:
            raise KeyMissing
        key = await self._services.get(KeyRing).resolve(
            header[len(BEARER) :].strip().decode("ascii", "replace")
        )
        key.access.require("llm")
        wait = self._limit.wait(key.key_id)
        if wait:
            raise RateLimited(retry_after=wait)
        return key

    def _model(self, model_id: str) -> dict[str, object]:
        for route in self._services.get(Upstreams).models():
            if route.model.id == model_id:
                return wire.model(route)
        raise ModelNotFound(param="model")

    async def _chat(self, key: KeyAccess, request: CompletionRequest, arrived: float, send: Send) -> None:
        created = int(clock.now().timestamp())
        if request.stream:
            caller = Caller(key_id=key.key_id, arrived=arrived)
            call = Call(self._services, key.access, request, caller)
            await _stream(call, created, send, with_usage=request.include_usage)
            return
        done = await complete(self._services, key.access, request, key_id=key.key_id, arrived=arrived)
        cost = (b"cm-cost-inr", show(done.price_micro, 6).lstrip("₹").replace(",", "").encode())
        headers = [JSON, cost, *_provenance(done.model, done.region, str(done.usage_id))]
        await _send(send, wire.completion(done, created), headers)


async def _stream(call: Call, created: int, send: Send, *, with_usage: bool) -> None:
    """Send an answer as it comes. The status waits for the first piece, so that what fails before it has its own status."""
    terms = call.route.upstream.terms
    headers = [*EVENT_STREAM, *_provenance(call.route.model.id, terms.region, str(call.id))]
    async with contextlib.aclosing(stream(call)) as pieces:
        first = await anext(pieces)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            await _send_pieces(call, created, first, pieces, send, with_usage=with_usage)
        except Problem as problem:  # the status is out: the clients of OpenAI read errors from the stream
            await _chunk(send, wire.event(openai_document(problem)))
        else:
            if with_usage:
                await _chunk(send, wire.chunk(call, created, b"[]", with_usage=True, last=True))
            await _chunk(send, wire.DONE)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_pieces(
    call: Call, created: int, first: Piece, rest: AsyncGenerator[Piece], send: Send, *, with_usage: bool
) -> None:
    piece: Piece | None = first
    while piece is not None:
        if piece.choices:
            await _chunk(send, wire.chunk(call, created, piece.choices, with_usage=with_usage))
        piece = await anext(rest, None)


def _provenance(model: str, region: str, usage_id: str) -> Headers:
    """What every answer says about itself: which model, processed where, and the id of its usage record."""
    return [
        (b"cm-model", model.encode()),
        (b"cm-processed-in", region.encode()),
        (b"cm-usage-id", usage_id.encode()),
    ]


async def _chunk(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _send(send: Send, document: object, headers: Headers | None = None) -> None:
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    length = (b"content-length", str(len(body)).encode())
    await send(
        {"type": "http.response.start", "status": 200, "headers": [*(headers or [JSON]), NO_STORE, length]}
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _body(receive: Receive) -> bytes:
    """The whole body; its size is limited by the edge."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


@contextlib.asynccontextmanager
async def _listening(receive: Receive) -> AsyncGenerator[asyncio.Event]:
    """Cancel the block when the client leaves; the event then says so."""
    gone = asyncio.Event()
    answering = asyncio.current_task()

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        if answering is not None and not finished.is_set():
            gone.set()
            answering.cancel()

    finished = asyncio.Event()
    watcher = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        finished.set()
        watcher.cancel()
        if gone.is_set() and answering is not None:
            answering.uncancel()
