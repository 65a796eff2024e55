"""/v1: the surface that OpenAI's and Anthropic's clients speak to. A plain ASGI callable, because it is the hot path."""

import time

import msgspec
from starlette.datastructures import Headers as Sent
from starlette.types import Receive, Scope, Send

from callmissed.billing import DEFAULT_PLAN
from callmissed.foundation.http import speaks_anthropic
from callmissed.foundation.money import show
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.services import Services
from callmissed.gateway import messages
from callmissed.gateway.completions import Call, Caller, complete
from callmissed.gateway.interruptions import interruptible
from callmissed.gateway.languages import ANTHROPIC, OPENAI, Language
from callmissed.gateway.limits import Allowance, RateLimit, TokenLimit
from callmissed.gateway.problems import KeyMissing, ModelNotFound, RateLimited
from callmissed.gateway.register import Route, Upstreams
from callmissed.gateway.requests import CompletionRequest, TokenBody, read_token_request
from callmissed.gateway.surface_browsers import Shared, header, preflight
from callmissed.gateway.surface_stream import JSON, NO_STORE, Headers, Streaming, provenance
from callmissed.gateway.tokens import LETTERS, count_messages
from callmissed.identity import KEY_SERVICES, KeyAccess, KeyRing, ServiceNotBuilt, mint_token, service_of

BEARER = b"bearer "
PREFIXES = ("/v1/", "/anthropic/v1/")
"""Where the surface stands. Below the second, Anthropic's clients find the same models and messages."""


class Surface:
    """POST /v1/chat/completions, /v1/messages, /v1/messages/count_tokens and /v1/tokens, GET /v1/models and /v1/models/{id}.

    Problems it raises are rendered by the edge, in the shape of whichever client is there.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = RateLimit(DEFAULT_PLAN.requests_per_minute)
        self._tokens = TokenLimit()

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
        asked, path = scope["method"], scope["path"].removeprefix("/anthropic")
        language = ANTHROPIC if speaks_anthropic(scope["path"], Sent(scope=scope)) else OPENAI
        self._admit(key, path)
        if asked == "POST" and path == language.completions:
            request = language.read(await _body(receive))
            key.ask(request.model)
            async with interruptible(receive, self._services.get(KeyRing), key) as interruption:
                allowance = Allowance(self._tokens, key.key_id, key.tokens_per_minute, key.monthly_budget)
                caller = Caller(key.key_id, None, None, arrived, allowance, interruption)
                await self._complete(key, request, caller, send, language)
        elif asked == "POST" and path == "/v1/messages/count_tokens":
            await _send(send, self._count(key, await _body(receive)))
        elif asked == "POST" and path == "/v1/tokens":
            await _send(send, self._token(key, read_token_request(await _body(receive))))
        elif asked == "GET" and path == "/v1/models":
            await _send(send, language.models(self._routes(key)))
        elif asked == "GET" and path.startswith("/v1/models/"):
            await _send(send, language.model(self._route(key, path.removeprefix("/v1/models/"))))
        else:
            raise NotFound

    async def _who(self, scope: Scope, origin: bytes | None) -> KeyAccess:
        """Whose key it is, and whether it works from there.

        Raises KeyMissing, the Problems of `KeyRing.resolve`, AddressNotAllowed, OriginNotAllowed.
        """
        sent = header(scope, b"authorization") or b""
        if sent[: len(BEARER)].lower() == BEARER:
            sent = sent[len(BEARER) :]
        elif not (sent := header(scope, b"x-api-key") or b""):
            raise KeyMissing
        secret = sent.strip().decode("ascii", "replace")
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

    def _routes(self, key: KeyAccess) -> list[Route]:
        """The models that this key may ask."""
        routes = self._services.get(Upstreams).models()
        return [route for route in routes if key.models is None or key.models.allows(route.model.id)]

    def _route(self, key: KeyAccess, model_id: str) -> Route:
        for route in self._routes(key):
            if route.model.id == model_id:
                return route
        raise ModelNotFound(param="model")

    def _count(self, key: KeyAccess, body: bytes) -> dict[str, int]:
        """How many tokens a request would read, by our own rule: nothing is asked of anybody, and nothing costs."""
        model_id, said, tools = messages.read_count_request(body)
        key.ask(model_id)
        self._services.get(Upstreams).route(model_id)
        return messages.counted_tokens(count_messages(said) + -(-tools // LETTERS))

    async def _complete(
        self, key: KeyAccess, request: CompletionRequest, caller: Caller, send: Send, language: Language
    ) -> None:
        if request.stream:
            call = Call(self._services, key.access, request, caller)
            await Streaming(call, send, language.speech(call, request)).run()
            return
        done = await complete(self._services, key.access, request, caller=caller)
        cost = (b"cm-cost-inr", show(done.price_micro, 6).lstrip("₹").replace(",", "").encode())
        headers = [JSON, cost, *provenance(done.model, done.region, str(done.usage_id))]
        await _send(send, language.document(done), headers)


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
