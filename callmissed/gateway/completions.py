"""Completions: reserve, ask, settle. The same path for the API and for bots.

Nothing is asked before its price is held, nothing is told to be finished before it is settled. A call that fails costs
nothing; a stream that its reader ends, or the end of its key, costs what was delivered.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from callmissed.billing import KeyBudget, Ledger, Usage
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.estimates import at_most
from callmissed.gateway.headers import Provenance
from callmissed.gateway.interruptions import Interruption
from callmissed.gateway.limits import Allowance
from callmissed.gateway.problems import ContextTooLong
from callmissed.gateway.register import Upstreams
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.tokens import count, count_messages, most_tokens
from callmissed.gateway.trip import Route, Trip
from callmissed.gateway.upstreams import Asked, Piece, Terms

log = logging.getLogger(__name__)

Status = Literal["ok", "cancelled", "failed"]
CLIENT_LEFT = 499
"""Recorded when the caller was gone before the answer was complete (nginx's number; HTTP has none)."""


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `choices` is JSON as OpenAI writes it, `text` what it says; `usage_id` names its usage record."""

    usage_id: UUID
    model: str
    text: str
    choices: bytes
    tokens_in: int
    tokens_out: int
    counted_by: str
    price_micro: int
    citations: Sequence[dict[str, Any]]
    upstream: str
    region: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a call is for: the key with what its limits leave, or the bot and conversation.

    `arrived` says when (`time.perf_counter`); `interruption` may break the call off, and then says why. `india_only` is what
    the workspace decided about content leaving India.
    """

    key_id: UUID | None = None
    bot_id: UUID | None = None
    conversation_id: UUID | None = None
    arrived: float | None = None
    allowance: Allowance | None = None
    interruption: Interruption | None = None
    india_only: bool = True


class Call:
    """One call on its way: what it reserved, what it learned, and how it ends, exactly once."""

    def __init__(
        self, services: Services, access: Access, request: CompletionRequest, caller: Caller
    ) -> None:
        self.id = uuid7()
        self.route: Route | Trip = services.get(Upstreams).route(
            request.model, request.fallbacks, india_only=caller.india_only
        )
        self._ledger = services.get(Ledger)
        self._access = access
        self._request = request
        self._caller = caller
        self._began = time.perf_counter()
        self._asked = self._began
        self._first: float | None = None
        self._text: list[str] = []
        self.tokens_in: int | None = None
        self.tokens_out: int | None = None
        self.citations: Sequence[dict[str, Any]] = ()
        self.price_micro = 0

    async def open(self, sources: Sequence[UUID] | None) -> Asked:
        """Check and reserve. Raises ContextTooLong, Unsupported, TokenRateLimited, and the Problems of `Ledger.reserve`."""
        request = self._request
        asked = asked_of(self.route, request, self._access, sources)
        most = at_most(request, self.route.models)
        await self._reserve(most.price_micro, most.tokens)
        self._asked = time.perf_counter()
        return asked

    async def _reserve(self, amount: int, tokens: int) -> None:
        """Hold the money and the tokens that this call can need at most; neither without the other."""
        key_id, allowance = self._caller.key_id, self._caller.allowance
        key = KeyBudget(key_id, allowance.budget if allowance else None) if key_id else None
        if allowance:
            allowance.take(tokens)
        held = False
        try:
            await self._ledger.reserve(self._access.tenant_id, self.id, amount, key)
            held = True
        finally:
            if allowance and not held:
                allowance.settle(0)

    def learn(self, piece: Piece) -> None:
        """Take note of a piece that arrived."""
        if piece.text or piece.choices:
            self._first = self._first or time.perf_counter()
        if piece.text:
            self._text.append(piece.text)
        self.citations = piece.citations or self.citations
        self.tokens_in = piece.tokens_in if piece.tokens_in is not None else self.tokens_in
        self.tokens_out = piece.tokens_out if piece.tokens_out is not None else self.tokens_out

    async def settle(self) -> None:
        """The answer is complete: take its price. Durable when this returns."""
        self.price_micro = await self._end("ok", 200)

    async def cancel(self) -> None:
        """It was broken off, by the reader or by `interruption`: take the price of what was delivered, if anything was."""
        delivered = count("".join(self._text))
        self.tokens_out = min(delivered, self.tokens_out) if self.tokens_out else delivered
        why = self.interruption.problem if self.interruption else None
        status, code = (why.status, why.code) if why else (CLIENT_LEFT, None)
        self.price_micro = await self._end("cancelled", status, billed=delivered > 0, problem=code)

    async def fail(self, problem: Problem) -> None:
        """It went wrong: give the hold back, record the failure."""
        await self._end("failed", problem.status, billed=False, problem=problem.code)

    @property
    def interruption(self) -> Interruption | None:
        """What may break it off."""
        return self._caller.interruption

    @property
    def text(self) -> str:
        """What was said so far."""
        return "".join(self._text)

    @property
    def counted(self) -> tuple[int, int, Literal["upstream", "callmissed"]]:
        """Tokens in, tokens out, and who counted: ourselves where the upstream is silent, and for the local model."""
        if (
            self.tokens_in is not None
            and self.tokens_out is not None
            and self.route.upstream.terms.name != "local"
        ):
            return self.tokens_in, self.tokens_out, "upstream"
        read = self.tokens_in if self.tokens_in is not None else count_messages(self._request.messages)
        return read, self.tokens_out if self.tokens_out is not None else count(self.text), "callmissed"

    async def _end(
        self, status: Status, http: int, *, billed: bool = True, problem: str | None = None
    ) -> int:
        usage = self._usage(status, http, problem)
        price = self.route.model.price(usage.tokens_in, usage.tokens_out) if billed else 0
        if self._caller.allowance:
            self._caller.allowance.settle(usage.tokens_in + usage.tokens_out if billed else 0)
        return await self._ledger.settle(self._access.tenant_id, self.id, price, usage)

    def _usage(self, status: Status, http: int, problem: str | None) -> Usage:
        now, terms, model = time.perf_counter(), self.route.upstream.terms, self.route.model
        tokens_in, tokens_out, counted_by = self.counted
        arrived = self._caller.arrived or self._began
        return Usage(
            endpoint="chat.completions", model=model.id, upstream=terms.name, region=terms.region,
            may_train=terms.trains_on_content, status=status, http_status=http, problem=problem,
            tokens_in=tokens_in, tokens_out=tokens_out, counted_by=counted_by,
            admit_us=round((self._began - arrived) * 1e6), reserve_us=round((self._asked - self._began) * 1e6),
            first_token_ms=round((self._first - arrived) * 1e3) if self._first else None,
            latency_ms=round((now - arrived) * 1e3), price_in_micro=model.price_in, price_out_micro=model.price_out,
            streamed=self._request.stream, key_id=self._caller.key_id, bot_id=self._caller.bot_id,
            conversation_id=self._caller.conversation_id, india_only=self._caller.india_only,
            tried=tried_as(self.route.tried),
        )  # fmt: skip

    @property
    def provenance(self) -> Provenance:
        """Where the answer comes from, as every reply says it."""
        return Provenance(
            self.route.model, self.route.upstream.terms, self.id, self._request.model, len(self.route.tried)
        )

    def completion(self, choices: bytes) -> Completion:
        """The whole answer."""
        tokens_in, tokens_out, counted_by = self.counted
        terms = self.route.upstream.terms
        return Completion(
            self.id, self.route.model.id, self.text, choices, tokens_in, tokens_out, counted_by, self.price_micro,
            self.citations, terms.name, terms.region, self.provenance,
        )  # fmt: skip


def tried_as(tried: Sequence[Terms]) -> str | None:
    """Upstreams as a usage record names them: name@region, each once."""
    return " ".join(dict.fromkeys(each.mark for each in tried)) or None


def asked_of(
    route: Route | Trip, request: CompletionRequest, access: Access, sources: Sequence[UUID] | None = None
) -> Asked:
    """What its upstream will be asked, once it is clear that it can. Raises Unsupported, RequestInvalid, ContextTooLong."""
    model = route.model
    asked = Asked(
        model.served_as, request.messages, access, request.extra, sources, request.max_tokens, request.n
    )
    route.upstream.check(asked)
    # What all its bytes cannot fill need not be counted.
    if most_tokens(request.messages) > model.context and count_messages(request.messages) > model.context:
        raise ContextTooLong(param="messages", context=model.context)
    return asked


async def complete(
    services: Services,
    access: Access,
    request: CompletionRequest,
    *,
    bot_id: UUID | None = None,
    conversation_id: UUID | None = None,
    sources: Sequence[UUID] | None = None,
    india_only: bool = True,
    caller: Caller | None = None,
) -> Completion:
    """Answer a request and bill it to the tenant of `access`. Call it with no transaction open.

    `sources` are the knowledge sources the answer may rest on; `caller` says who calls where it is no bot.
    Raises ModelNotFound, WalletExhausted, the Problems named
    Upstream… and the others of `callmissed.gateway.problems`; whatever it raises was not billed.
    """
    call = Call(
        services, access, request, caller or Caller(None, bot_id, conversation_id, india_only=india_only)
    )
    asked = await call.open(sources)
    try:
        replied = await call.route.upstream.reply(asked)
        call.learn(
            Piece(replied.choices, replied.text, replied.tokens_in, replied.tokens_out, replied.citations)
        )
    except asyncio.CancelledError:
        await call.cancel()
        raise
    except Problem as problem:
        await call.fail(problem)
        raise
    except Exception:  # whatever broke, the hold must be given back; the edge writes it down
        await call.fail(Problem())
        raise
    await call.settle()
    return call.completion(replied.choices)


async def stream(call: Call, sources: Sequence[UUID] | None = None) -> AsyncGenerator[Piece]:
    """The pieces of an answer. When the last one has been given out, the call is settled; see `Call` for its figures.

    Closing the generator early, or cancelling its task, settles what was delivered. Raises as `complete` does.
    """
    asked = await call.open(sources)
    pieces = call.route.upstream.stream(asked)
    try:
        async for piece in pieces:
            yield piece
            call.learn(piece)
    except (asyncio.CancelledError, GeneratorExit):
        await call.cancel()
        raise
    except Problem as problem:
        await call.fail(problem)
        raise
    except Exception:  # whatever broke, the hold must be given back; the edge writes it down
        await call.fail(Problem())
        raise
    finally:
        await pieces.aclose()
    await call.settle()
