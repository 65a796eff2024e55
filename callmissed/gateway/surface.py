"""/v1: the surface that OpenAI's and Anthropic's clients speak to. A plain ASGI callable, because it is the hot path."""

import time
from dataclasses import dataclass, replace
from uuid import UUID

from starlette.datastructures import Headers as Sent
from starlette.types import Receive, Scope, Send

from callmissed.foundation.http import speaks_anthropic
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.services import Services
from callmissed.gateway import messages
from callmissed.gateway.asking import allowed, within_sight
from callmissed.gateway.billed import Caller
from callmissed.gateway.completions import Call, Completion, complete
from callmissed.gateway.description import ADDRESS, describe
from callmissed.gateway.end_users import HEADER, budget_of, end_user_tag
from callmissed.gateway.forms import without_boundary
from callmissed.gateway.headers import cost
from callmissed.gateway.images import ImageRequest, draw, read_image_request
from callmissed.gateway.interruptions import Interruptible, Interruption
from callmissed.gateway.languages import ANTHROPIC, OPENAI, PROMPTS, RESPONSES, Language
from callmissed.gateway.limits import Allowance, AtOnce, Limiter
from callmissed.gateway.own.opened import Own, OwnKeys
from callmissed.gateway.problems import KeyMissing
from callmissed.gateway.register import Upstreams
from callmissed.gateway.requests import CompletionRequest, TokenBody, read_token_request
from callmissed.gateway.searching import SearchRequest, is_search, read_search_request
from callmissed.gateway.surface_audio import AUDIO, SPEECH, AudioAnswers, AudioRequest, read_audio_request
from callmissed.gateway.surface_bodies import Bodies, read_body
from callmissed.gateway.surface_browsers import Shared, header, preflight
from callmissed.gateway.surface_cache import Asked, Cache, repeatable
from callmissed.gateway.surface_files import FileDesk, is_file_path
from callmissed.gateway.surface_images import (
    GENERATIONS,
    PictureDesk,
    is_picture_link,
    is_picture_path,
    send_pictures,
    show_linked,
)
from callmissed.gateway.surface_log import logged
from callmissed.gateway.surface_replays import Replays
from callmissed.gateway.surface_search import SEARCH, answer_search
from callmissed.gateway.surface_shelf import Shelf
from callmissed.gateway.surface_stream import JSON, Streaming, Told, send_whole
from callmissed.gateway.tokens import LETTERS, count_messages
from callmissed.gateway.works import ENDPOINTS, WorkDone, WorkRequest, work
from callmissed.identity import (
    CACHE,
    KEY_SERVICES,
    PROMPT_LOG,
    KeyAccess,
    KeyRing,
    mint_token,
    service_of,
)

BEARER = b"bearer "
PREFIXES = ("/v1/", "/anthropic/v1/")
"""Where the surface stands. Below the second, Anthropic's clients find the same models and messages."""
FAMILIES = frozenset(path.split("/")[2] for each in KEY_SERVICES.values() for path in each.paths) | {
    "models",
    "generation",
    "quote",
    "tokens",
}
"""The first words of its addresses after /v1: what the access log may say of a call."""
DESCRIPTION = [JSON, (b"access-control-allow-origin", b"*")]
"""Of its description: tools on any website may read it."""
COSTS = frozenset({*ENDPOINTS, *AUDIO, GENERATIONS, SEARCH})
"""What costs besides completions, which each language has at an address of its own."""


Asking = CompletionRequest | WorkRequest | AudioRequest | ImageRequest | SearchRequest
"""What costs."""


@dataclass(eq=False, slots=True)
class Visit:
    """One request under way: whose it is, when it came (`time.perf_counter`), and the id its usage record will have, if that is settled."""

    key: KeyAccess
    allowance: Allowance
    scope: Scope
    receive: Receive
    send: Send
    arrived: float
    body: bytes = b""
    usage_id: UUID | None = None
    own: Own | None = None

    @property
    def path(self) -> str:
        """The address without the prefix below which Anthropic's clients look."""
        return self.scope["path"].removeprefix("/anthropic")


class Surface:
    """What costs: POST /v1/chat/completions, /v1/completions, /v1/responses, /v1/messages, /v1/embeddings, /v1/moderations,
    /v1/audio/speech, /v1/audio/transcriptions, /v1/audio/translations, /v1/images/generations, /v1/search.
    What is free: POST /v1/messages/count_tokens, /v1/tokens and /v1/quote, GET /v1/models, /v1/models/{id} and /v1/generation,
    GET /v1/images/history, GET and DELETE /v1/images/{id}, and all of /v1/files and /v1/batches, whose requests cost when they are asked.
    GET /v1/images/{id}/content asks for no key: its link is signed. Nor does GET /v1/openapi.json: it holds nothing of anybody.

    Problems it raises are rendered by the edge, in the shape of whichever client is there.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._shelf = Shelf(services)
        self._at_once = AtOnce()
        self._bodies = Bodies()
        self._replays = Replays(services)
        self._cache = Cache(services)
        self._desk = FileDesk(services)
        self._pictures = PictureDesk(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises Problems, before anything was sent."""
        arrived = time.perf_counter()
        if scope["method"] == "OPTIONS":
            await preflight(scope, send)
            return
        if scope["method"] == "GET" and is_picture_link(scope["path"]):
            await show_linked(self._services, scope, send)
            return
        if scope["method"] == "GET" and scope["path"] == ADDRESS:
            await send_whole(send, describe(), DESCRIPTION)
            return
        origin = header(scope, b"origin")
        key = await self._who(scope, origin)
        scope["access"] = key.access
        allowance = Allowance(self._services.get(Limiter), key)
        told = Told(send, allowance)
        shared = Shared(told, origin) if origin is not None else None
        try:
            await self._answer(Visit(key, allowance, scope, receive, shared or told, arrived))
        except Problem as problem:
            problem.headers = (*problem.headers, *allowance.headers())
            if shared is None:
                raise
            await shared.refuse(scope, receive, problem)

    async def _answer(self, visit: Visit) -> None:
        await self._admit(visit)
        if visit.key.own_keys:
            visit.own = await self._services.get(OwnKeys).of(visit.key)
        if visit.scope["method"] == "GET":
            await self._tell(visit)
            return
        if visit.scope["method"] != "POST":
            await self._drop(visit)
            return
        tenant_id = visit.key.tenant_id
        with (
            self._at_once.one_more(tenant_id, visit.allowance.plan.at_once),
            self._bodies.room(tenant_id) as room,
        ):
            visit.body = await read_body(visit.scope, visit.receive, room)
            language = _language(visit.scope)
            once = header(visit.scope, b"idempotency-key")
            if visit.path != language.completions and visit.path not in COSTS:
                await self._reckon(visit)
            elif once is None:
                await self._perform(visit, language)
            else:
                await self._once(visit, language, once)

    async def _drop(self, visit: Visit) -> None:
        """What is asked with DELETE. Raises NotFound, for other methods too."""
        if visit.scope["method"] == "DELETE" and is_picture_path(visit.path):
            await self._pictures.answer(visit.key, visit.scope, visit.send)
        elif visit.scope["method"] == "DELETE" and is_file_path(visit.path):
            await self._desk.answer(visit.key, visit.scope, b"", visit.send)
        else:
            raise NotFound

    async def _tell(self, visit: Visit) -> None:
        """What is asked with GET."""
        key, path, language = visit.key, visit.path, _language(visit.scope)
        if path == "/v1/models":
            await send_whole(
                visit.send, language.models(self._shelf.models(key, visit.own), self._shelf.version)
            )
        elif path.startswith("/v1/models/"):
            listing = self._shelf.model(key, path.removeprefix("/v1/models/"), visit.own)
            await send_whole(visit.send, language.model(listing))
        elif path == "/v1/generation":
            await send_whole(visit.send, await self._shelf.generation(key, visit.scope))
        elif is_file_path(path):
            await self._desk.answer(key, visit.scope, b"", visit.send)
        elif is_picture_path(path):
            await self._pictures.answer(key, visit.scope, visit.send)
        else:
            raise NotFound

    async def _reckon(self, visit: Visit) -> None:
        """What is asked with POST and costs nothing."""
        key, path = visit.key, visit.path
        if path == "/v1/messages/count_tokens":
            await send_whole(visit.send, self._count(visit))
        elif path == "/v1/tokens":
            await send_whole(visit.send, self._token(key, read_token_request(visit.body)))
        elif path == "/v1/quote":
            await send_whole(visit.send, await self._quote(visit))
        elif is_file_path(path):
            await self._desk.answer(key, visit.scope, visit.body, visit.send)
        else:
            raise NotFound

    async def _once(self, visit: Visit, language: Language, once: bytes) -> None:
        """What costs, asked under an Idempotency-Key."""

        async def perform(usage_id: UUID, send: Send) -> None:
            await self._perform(replace(visit, usage_id=usage_id, send=send), language)

        kind = (header(visit.scope, b"content-type") or b"").decode("latin-1")
        said = visit.path.encode() + b"\n" + without_boundary(kind, visit.body)
        await self._replays.once(visit.key, once, said, visit.send, perform)

    async def _perform(self, visit: Visit, language: Language) -> None:
        """What costs; it is kept, too, where its key asks for that."""
        if PROMPT_LOG not in visit.key.options:
            await self._do(visit, language)
            return
        usage_id = visit.usage_id or uuid7()

        async def perform(send: Send) -> None:
            await self._do(replace(visit, usage_id=usage_id, send=send), language)

        hears = visit.path in AUDIO and visit.path != SPEECH
        said = visit.path, b"" if hears else visit.body  # of a recording its transcript is kept
        await logged(self._services, visit.key, usage_id, said, visit.send, perform)

    async def _do(self, visit: Visit, language: Language) -> None:
        """What costs."""
        key, request = visit.key, await self._read(visit, language)
        allowed(key, request)
        if isinstance(request, CompletionRequest) and request.wishes is not None:
            request = self._shelf.searching(key, request, visit.own)
        within_sight(key, request)
        unkept = isinstance(request, AudioRequest | ImageRequest | SearchRequest)
        if CACHE not in key.options or unkept or not repeatable(key, request):
            await self._ask(visit, language, request)
            return
        once = replace(visit, usage_id=visit.usage_id or uuid7())

        async def perform(send: Send) -> None:
            await self._ask(replace(once, send=send), language, request)

        asked = Asked(request, visit.path, visit.body)
        await self._cache.answer(key, asked, self._caller(once, request, None), visit.send, perform)

    async def _ask(self, visit: Visit, language: Language, request: Asking) -> None:
        """Ask whoever answers it."""
        key = visit.key
        async with Interruptible(visit.receive, self._services.get(KeyRing), key) as interruption:
            caller = self._caller(visit, request, interruption)
            if isinstance(request, CompletionRequest):
                await self._complete(key, request, caller, visit.send, language)
            elif isinstance(request, WorkRequest):
                done = await work(self._services, key.access, request, caller)
                await _send_paid(visit.send, ENDPOINTS[visit.path].document(done), done)
            elif isinstance(request, SearchRequest):
                await answer_search(self._services, key.access, request, caller, visit.send)
            elif isinstance(request, ImageRequest):
                await send_pictures(visit.send, await draw(self._services, key.access, request, caller))
            else:
                await AudioAnswers(self._services, key.access).answer(request, caller, visit.send)

    def _caller(self, visit: Visit, request: Asking, interruption: Interruption | None) -> Caller:
        """Who asks. Raises EndUserUnusable."""
        key, end_user = visit.key, None
        if key.end_user_budget is not None:
            extra = (
                request.extra if isinstance(request, CompletionRequest | WorkRequest | ImageRequest) else None
            )
            end_user = budget_of(self._services.vault, key, header(visit.scope, HEADER), extra)
        return Caller(
            key.key_id, None, None, visit.arrived, visit.allowance, interruption, key.india_only, visit.usage_id, key.options,
            visit.own, end_user=end_user, grounds=key.grounds,
        )  # fmt: skip

    async def _read(self, visit: Visit, language: Language) -> Asking:
        """What is asked. Raises Malformed, RequestInvalid, and the Problems of whoever reads it."""
        if (endpoint := ENDPOINTS.get(visit.path)) is not None:
            return endpoint.read(visit.body, self._services.get(Upstreams).usual(endpoint.kind))
        if visit.path in AUDIO:
            kind = (header(visit.scope, b"content-type") or b"").decode("latin-1")
            return await read_audio_request(visit.path, kind, visit.body)
        if visit.path == GENERATIONS:
            return read_image_request(visit.body)
        if visit.path == SEARCH:
            return read_search_request(visit.body, self._shelf.searcher(visit.key, visit.own))
        return language.read(visit.body)

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

    async def _admit(self, visit: Visit) -> None:
        """Whether the key may call this path now. Raises ServiceNotAllowed, RateLimited."""
        service = service_of(visit.path)
        if service is not None:
            visit.key.use(service)
        await visit.allowance.admit()

    async def _quote(self, visit: Visit) -> dict[str, object]:
        """What a request would cost: a search is told by its query, pictures by their model."""
        key = visit.key
        if is_search(visit.body):
            sought = read_search_request(visit.body, self._shelf.searcher(key, visit.own))
            key.use("search")
            allowed(key, sought)
            within_sight(key, sought)
            return self._shelf.quote_search(key, sought, visit.own)
        request = self._shelf.read_quoted(visit.body)
        allowed(key, request)
        if isinstance(request, ImageRequest):
            key.use("image")
            return self._shelf.quote_images(key, request, visit.own)
        key.use("llm")
        request = self._shelf.searching(key, request, visit.own)
        within_sight(key, request)
        return await self._shelf.quote(key, request, visit.own)

    def _token(self, key: KeyAccess, wished: TokenBody) -> dict[str, object]:
        vault = self._services.vault
        end_user = end_user_tag(vault, key.tenant_id, wished.end_user.encode()) if wished.end_user else None
        made = mint_token(vault, key, wished.ttl, wished.scopes, wished.origin, end_user)
        return {
            "object": "token",
            "token": made.token,
            "expires_at": int(made.expires_at.timestamp()),
            "scopes": made.scopes,
            "origin": made.origin,
        }

    def _count(self, visit: Visit) -> dict[str, int]:
        """How many tokens a request would read, by our own rule: nothing is asked of anybody, and nothing costs."""
        model_id, said, tools = messages.read_count_request(visit.body)
        visit.key.ask(model_id)
        self._services.get(Upstreams).route(model_id, india_only=visit.key.india_only, own=visit.own)
        return messages.counted_tokens(count_messages(said) + -(-tools // LETTERS))

    async def _complete(
        self, key: KeyAccess, request: CompletionRequest, caller: Caller, send: Send, language: Language
    ) -> None:
        if request.stream:
            call = Call(self._services, key.access, request, caller)
            await Streaming(call, send, language.speech(call, request)).run()
            return
        done = await complete(self._services, key.access, request, caller=caller)
        await _send_paid(send, language.document(done, request), done)


def _language(scope: Scope) -> Language:
    """Which language the caller speaks: by the address, for the list of models by a header of Anthropic's clients."""
    for known in (RESPONSES, PROMPTS):
        if scope["path"] == known.completions:
            return known
    return ANTHROPIC if speaks_anthropic(scope["path"], Sent(scope=scope)) else OPENAI


async def _send_paid(send: Send, document: bytes, done: Completion | WorkDone) -> None:
    await send_whole(send, document, [JSON, cost(done.price_micro), *done.provenance.headers])
