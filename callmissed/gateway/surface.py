"""/v1: the surface OpenAI's clients speak to. A plain ASGI callable, because it is the hot path."""

import time

import msgspec
from starlette.types import Receive, Scope, Send

from callmissed.billing import DEFAULT_PLAN
from callmissed.foundation import clock
from callmissed.foundation.money import show
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.services import Services
from callmissed.gateway import wire
from callmissed.gateway.completions import Call, Caller, complete
from callmissed.gateway.headers import Headers
from callmissed.gateway.interruptions import interruptible
from callmissed.gateway.limits import Allowance, RateLimit, TokenLimit
from callmissed.gateway.problems import KeyMissing, RateLimited
from callmissed.gateway.requests import CompletionRequest, TokenBody, read_request, read_token_request
from callmissed.gateway.surface_browsers import Shared, header, preflight
from callmissed.gateway.surface_shelf import Shelf
from callmissed.gateway.surface_stream import JSON, NO_STORE, Streaming
from callmissed.identity import KEY_SERVICES, KeyAccess, KeyRing, ServiceNotBuilt, mint_token, service_of

BEARER = b"bearer "


class Surface:
    """POST /v1/chat/completions, /v1/tokens and /v1/quote, GET /v1/models, /v1/models/{id} and /v1/generation.

    Problems it raises are rendered by the edge.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = RateLimit(DEFAULT_PLAN.requests_per_minute)
        self._tokens = TokenLimit()
        self._shelf = Shelf(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises Problems, before anything was sent."""
        arrived = time.perf_counter()
        if scope["method"] == "OPTIONS":
            await preflight(scope, send)
            return
        origin = header(scope, b"origin")
        key = await self._who(scope, origin)
        if origin is None:
            await self._answer(key, scope, receive, send, arrived)
            return
        shared = Shared(send, origin)
        try:
            await self._answer(key, scope, receive, shared, arrived)
        except Problem as problem:
            await shared.refuse(scope, receive, problem)

    async def _answer(
        self, key: KeyAccess, scope: Scope, receive: Receive, send: Send, arrived: float
    ) -> None:
        method, path = scope["method"], scope["path"]
        self._admit(key, path)
        if method == "POST" and path == "/v1/chat/completions":
            request = _request(key, await _body(receive))
            async with interruptible(receive, self._services.get(KeyRing), key) as interruption:
                allowance = Allowance(self._tokens, key.key_id, key.tokens_per_minute, key.monthly_budget)
                caller = Caller(
                    key.key_id, None, None, arrived, allowance, interruption, india_only=key.india_only
                )
                await self._chat(key, request, caller, send)
        elif method == "POST" and path == "/v1/tokens":
            await _send(send, self._token(key, read_token_request(await _body(receive))))
        elif method == "POST" and path == "/v1/quote":
            await _send(send, self._shelf.quote(key, _request(key, await _body(receive))))
        elif method == "GET" and path == "/v1/models":
            await _send(send, self._shelf.models(key))
        elif method == "GET" and path.startswith("/v1/models/"):
            await _send(send, self._shelf.model(key, path.removeprefix("/v1/models/")))
        elif method == "GET" and path == "/v1/generation":
            await _send(send, await self._shelf.generation(key, scope))
        else:
            raise NotFound

    async def _who(self, scope: Scope, origin: bytes | None) -> KeyAccess:
        """Whose key it is, and whether it works from there.

        Raises KeyMissing, the Problems of `KeyRing.resolve`, AddressNotAllowed, OriginNotAllowed.
        """
        sent = header(scope, b"authorization") or b""
        if sent[: len(BEARER)].lower() != BEARER:
            raise KeyMissing
        secret = sent[len(BEARER) :].strip().decode("ascii", "replace")
        key = await self._services.get(KeyRing).resolve(secret)
        client = scope.get("client")
        key.from_where(origin.decode("latin-1") if origin is not None else None, client[0] if client else "")
        return key

    def _admit(self, key: KeyAccess, path: str) -> None:
        """Whether the key may call this path now. Raises ServiceNotBuilt, ServiceNotAllowed, RateLimited."""
        service = service_of(path)
        if service is not None:
            if not KEY_SERVICES[service].built:
                raise ServiceNotBuilt(service=service)
            key.use(service)
        wait = self._limit.wait(key.key_id, key.requests_per_minute)
        if wait:
            raise RateLimited(retry_after=wait)

    def _token(self, key: KeyAccess, wished: TokenBody) -> dict[str, object]:
        made = mint_token(self._services.vault, key, wished.ttl, wished.scopes, wished.origin)
        return {
            "object": "token",
            "token": made.token,
            "expires_at": int(made.expires_at.timestamp()),
            "scopes": made.scopes,
            "origin": made.origin,
        }

    async def _chat(self, key: KeyAccess, request: CompletionRequest, caller: Caller, send: Send) -> None:
        created = int(clock.now().timestamp())
        if request.stream:
            call = Call(self._services, key.access, request, caller)
            await Streaming(call, created, send, with_usage=request.include_usage).run()
            return
        done = await complete(self._services, key.access, request, caller=caller)
        cost = (b"cm-cost-inr", show(done.price_micro, 6).lstrip("₹").replace(",", "").encode())
        headers = [JSON, cost, *done.provenance.headers]
        await _send(send, wire.completion(done, created), headers)


def _request(key: KeyAccess, body: bytes) -> CompletionRequest:
    """Read a request whose models this key may ask, its fallbacks too. Raises ModelNotAllowed and those of `read_request`."""
    request = read_request(body)
    for model in (request.model, *request.fallbacks):
        key.ask(model)
    return request


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
