"""/v1: the surface that OpenAI's and Anthropic's clients speak to. A plain ASGI callable, because it is the hot path."""

import time

import msgspec
from starlette.datastructures import Headers as Sent
from starlette.types import Receive, Scope, Send

from callmissed.billing import DEFAULT_PLAN
from callmissed.foundation.http import speaks_anthropic
from callmissed.foundation.money import RUPEE
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.services import Services
from callmissed.gateway import messages
from callmissed.gateway.completions import Call, Caller, complete
from callmissed.gateway.headers import Headers
from callmissed.gateway.interruptions import Interruptible
from callmissed.gateway.languages import ANTHROPIC, OPENAI, RESPONSES, Language
from callmissed.gateway.limits import Allowance, RateLimit, TokenLimit
from callmissed.gateway.problems import KeyMissing, RateLimited
from callmissed.gateway.register import Upstreams
from callmissed.gateway.requests import CompletionRequest, TokenBody, read_request, read_token_request
from callmissed.gateway.surface_browsers import Shared, header, preflight
from callmissed.gateway.surface_shelf import Shelf
from callmissed.gateway.surface_stream import JSON, NO_STORE, Streaming
from callmissed.gateway.tokens import LETTERS, count_messages
from callmissed.identity import KEY_SERVICES, KeyAccess, KeyRing, ServiceNotBuilt, mint_token, service_of

BEARER = b"bearer "
PREFIXES = ("/v1/", "/anthropic/v1/")
"""Where the surface stands. Below the second, Anthropic's clients find the same models and messages."""


class Surface:
    """POST /v1/chat/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens, /v1/tokens and /v1/quote,
    GET /v1/models, /v1/models/{id} and /v1/generation.

    Problems it raises are rendered by the edge, in the shape of whichever client is there.
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
        asked, path = scope["method"], scope["path"].removeprefix("/anthropic")
        language = _language(scope)
        self._admit(key, path)
        if asked == "POST" and path == language.completions:
            request = _allowed(key, language.read(await _body(receive)))
            async with Interruptible(receive, self._services.get(KeyRing), key) as interruption:
                allowance = Allowance(self._tokens, key.key_id, key.tokens_per_minute, key.monthly_budget)
                caller = Caller(
                    key.key_id, None, None, arrived, allowance, interruption, india_only=key.india_only
                )
                await self._complete(key, request, caller, send, language)
        elif asked == "POST" and path == "/v1/messages/count_tokens":
            await _send(send, self._count(key, await _body(receive)))
        elif asked == "POST" and path == "/v1/tokens":
            await _send(send, self._token(key, read_token_request(await _body(receive))))
        elif asked == "POST" and path == "/v1/quote":
            await _send(send, self._shelf.quote(key, _allowed(key, read_request(await _body(receive)))))
        elif asked == "GET" and path == "/v1/models":
            await _send(send, language.models(self._shelf.models(key), self._shelf.version))
        elif asked == "GET" and path.startswith("/v1/models/"):
            await _send(send, language.model(self._shelf.model(key, path.removeprefix("/v1/models/"))))
        elif asked == "GET" and path == "/v1/generation":
            await _send(send, await self._shelf.generation(key, scope))
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

    def _count(self, key: KeyAccess, body: bytes) -> dict[str, int]:
        """How many tokens a request would read, by our own rule: nothing is asked of anybody, and nothing costs."""
        model_id, said, tools = messages.read_count_request(body)
        key.ask(model_id)
        self._services.get(Upstreams).route(model_id, india_only=key.india_only)
        return messages.counted_tokens(count_messages(said) + -(-tools // LETTERS))

    async def _complete(
        self, key: KeyAccess, request: CompletionRequest, caller: Caller, send: Send, language: Language
    ) -> None:
        if request.stream:
            call = Call(self._services, key.access, request, caller)
            await Streaming(call, send, language.speech(call, request)).run()
            return
        done = await complete(self._services, key.access, request, caller=caller)
        cost = (b"cm-cost-inr", b"%d.%06d" % divmod(done.price_micro, RUPEE))
        headers = [JSON, cost, *done.provenance.headers]
        await _send(send, language.document(done, request), headers)


def _language(scope: Scope) -> Language:
    """Which language the caller speaks: by the address, for the list of models by a header of Anthropic's clients."""
    if scope["path"] == RESPONSES.completions:
        return RESPONSES
    return ANTHROPIC if speaks_anthropic(scope["path"], Sent(scope=scope)) else OPENAI


def _allowed(key: KeyAccess, request: CompletionRequest) -> CompletionRequest:
    """The request, whose models this key may ask, its fallbacks too. Raises ModelNotAllowed."""
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
