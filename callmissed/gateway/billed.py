"""One call on its way to an upstream: what it holds before, what it learns, and how it ends, exactly once.

Every surface that costs goes through it, so that money, limits and usage records are the same for all of them.
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

import msgspec

from callmissed.billing import EndUserBudget, KeyBudget, Ledger, Quotas, Usage
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.catalogue import SOLD_BY, Kind, Model
from callmissed.gateway.choices import unspoken
from callmissed.gateway.estimates import Estimate
from callmissed.gateway.headers import Headers, Provenance
from callmissed.gateway.interruptions import Interruption
from callmissed.gateway.limits import Allowance
from callmissed.gateway.masking import Mask
from callmissed.gateway.own.opened import Own
from callmissed.gateway.register import Upstreams
from callmissed.gateway.tokens import count
from callmissed.gateway.trip import Route, Trip
from callmissed.gateway.upstreams import LOCAL, Piece, Terms

Answer = TypeVar("Answer")

Status = Literal["ok", "cancelled", "failed"]
MOST_TOKENS = 2**31 - 1
"""What a usage record has room for."""
CLIENT_LEFT = 499
"""Recorded when the caller was gone before the answer was complete (nginx's number; HTTP has none)."""


class Billable(Protocol):
    """A request that costs: what the money, the limits and the usage record need to know of it."""

    @property
    def endpoint(self) -> str:
        """As usage records name the surface it came in at: `chat.completions`."""
        ...

    @property
    def kind(self) -> Kind:
        """What its model must be for."""
        ...

    @property
    def model(self) -> str:
        """The model that is asked for."""
        ...

    @property
    def fallbacks(self) -> Sequence[str]:
        """Models that its caller takes instead, in order."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the answer is told in pieces."""
        ...

    def at_most(self, models: Sequence[Model]) -> Estimate:
        """The most that any of these models can need for it."""
        ...

    def reading(self) -> int:
        """Tokens it has to read, by our own count: for upstreams that are silent."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a call is for: the key with what its limits leave, or the bot and conversation.

    `arrived` says when (`time.perf_counter`); `interruption` may break the call off, and then says why. `india_only` is what
    the workspace decided about content leaving India. `usage_id` is the id of its usage record, where that was settled before,
    and `options` what is switched on for its key, `grounds` the bot whose knowledge its answers rest on where they name none. `own`
    are the keys that the workspace has at suppliers itself, by upstream.
    `alone`: its money is held by itself, not drawn from a lease, because another process may have to release it. `end_user` is for
    whom it asks, where its key limits what each of them costs.
    """

    key_id: UUID | None = None
    bot_id: UUID | None = None
    conversation_id: UUID | None = None
    arrived: float | None = None
    allowance: Allowance | None = None
    interruption: Interruption | None = None
    india_only: bool = True
    usage_id: UUID | None = None
    options: frozenset[str] = frozenset()
    own: Own | None = None
    alone: bool = False
    end_user: EndUserBudget | None = None
    grounds: UUID | None = None


class BilledCall:
    """One call: what it reserved, what it learned, and how it ends, exactly once."""

    def __init__(self, services: Services, access: Access, request: Billable, caller: Caller) -> None:
        self.id = caller.usage_id or uuid7()
        upstreams = services.get(Upstreams)
        self._home = upstreams.home
        self.route: Route | Trip = upstreams.route(
            request.model, request.fallbacks, india_only=caller.india_only, kind=request.kind, own=caller.own
        )
        self._ledger = services.get(Ledger)
        self._quotas = services.get(Quotas)
        self._access = access
        self._request = request
        self._caller = caller
        self._began = time.perf_counter()
        self._asked = self._began
        self._first: float | None = None
        self._text: list[str] = []
        self._unspoken: list[bytes] = []
        self.tokens_in: int | None = None
        self.tokens_out: int | None = None
        self.units = 0
        self.citations: Sequence[dict[str, Any]] = ()
        self.price_micro = 0
        self.options = caller.options
        self.mask: Mask | None = None
        self.notes: Headers = []
        self.done: list[str] = []

    async def reserve(self) -> None:
        """Hold the money and the tokens that it can need at most. Raises PlanUsedUp, TokenRateLimited, and the Problems of
        `Ledger.reserve`.
        """
        most = self._request.at_most(self.route.models)
        await self._reserve(most.price_micro, most.tokens)
        self._asked = time.perf_counter()

    async def answered(self, answering: Awaitable[Answer]) -> Answer:
        """What its upstream answers. Whatever goes wrong ends the call and is raised again."""
        try:
            return await answering
        except BaseException as failure:  # whatever broke, the hold must be given back
            await self.break_off(failure)
            raise

    async def break_off(self, failure: BaseException) -> None:
        """It ends before its answer is whole: its reader left, or something went wrong. Whoever calls raises `failure` again."""
        if isinstance(failure, asyncio.CancelledError | GeneratorExit):
            await self.cancel()
        else:  # what is no Problem is written down by the edge
            await self.fail(failure if isinstance(failure, Problem) else Problem())

    async def _reserve(self, amount: int, tokens: int) -> None:
        """Hold the money and the tokens that this call can need at most; neither without the other. No money where none is taken."""
        key_id, allowance = self._caller.key_id, self._caller.allowance
        key = KeyBudget(key_id, allowance.budget if allowance else None) if key_id else None
        if allowance:
            await self._quotas.take(self._access.tenant_id, allowance.plan)
            await allowance.take(tokens)
        held = False
        try:
            if self.route.costs:
                await self._ledger.reserve(
                    self._access.tenant_id,
                    self.id,
                    amount,
                    key,
                    self._caller.end_user,
                    alone=self._caller.alone,
                )
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
        elif piece.choices:
            self._unspoken.append(piece.choices)
        self.citations = piece.citations or self.citations
        self.tokens_in = _sane(piece.tokens_in, self.tokens_in)
        self.tokens_out = _sane(piece.tokens_out, self.tokens_out)

    def begun(self) -> None:
        """The first of an answer that is no text is here."""
        self._first = self._first or time.perf_counter()

    async def settle(self) -> None:
        """The answer is complete: take its price. Durable when this returns."""
        self.complete()
        self.price_micro = await self._end("ok", 200)

    def complete(self) -> None:
        """The answer is there: whoever leaves from here on has been answered."""
        if self.interruption is not None and not self.interruption.happened:
            self.interruption.finish()

    async def repeat(self) -> None:
        """It is answered with what was answered before: nobody is asked, and nothing costs. Durable when this returns.

        Raises PlanUsedUp.
        """
        if self._caller.allowance:
            await self._quotas.take(self._access.tenant_id, self._caller.allowance.plan)
        self.tokens_in = self.tokens_out = 0
        usage = msgspec.structs.replace(
            self._usage("ok", 200, None), upstream=self._home.name, region=self._home.region, may_train=False,
            own_key=False, counted_by="callmissed", options="cached",
        )  # fmt: skip
        await self._ledger.settle(self._access.tenant_id, self.id, 0, usage)

    async def cancel(self) -> None:
        """It was broken off, by the reader or by `interruption`: take the price of what was delivered, if anything was."""
        delivered = count(self.text) + unspoken(self._unspoken)
        self.tokens_out = min(delivered, self.tokens_out) if self.tokens_out else delivered
        why = self.interruption.problem if self.interruption else None
        status, code = (why.status, why.code) if why else (CLIENT_LEFT, None)
        billed = delivered > 0 or (self.units > 0 and self._first is not None)
        self.price_micro = await self._end("cancelled", status, billed=billed, problem=code)

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
            and self.route.upstream.terms.name != LOCAL
        ):
            return self.tokens_in, self.tokens_out, "upstream"
        read = self.tokens_in if self.tokens_in is not None else self._request.reading()
        return (
            read,
            self.tokens_out if self.tokens_out is not None else count(self.text) + unspoken(self._unspoken),
            "callmissed",
        )

    async def _end(
        self, status: Status, http: int, *, billed: bool = True, problem: str | None = None
    ) -> int:
        usage = self._usage(status, http, problem)
        model = self.route.model
        cost = (
            model.price(usage.tokens_in, usage.tokens_out) if usage.unit is None else model.price(self.units)
        )
        price = cost if billed else 0
        if self._caller.allowance:
            self._caller.allowance.settle(usage.tokens_in + usage.tokens_out if billed else 0)
        return await self._ledger.settle(self._access.tenant_id, self.id, price, usage)

    def _usage(self, status: Status, http: int, problem: str | None) -> Usage:
        now, terms, model = time.perf_counter(), self.route.upstream.terms, self.route.model
        tokens_in, tokens_out, counted_by = self.counted
        arrived = self._caller.arrived or self._began
        return Usage(
            endpoint=self._request.endpoint, model=model.id, upstream=terms.name, region=terms.region,
            may_train=terms.trains_on_content, status=status, http_status=http, problem=problem,
            tokens_in=tokens_in, tokens_out=tokens_out, counted_by=counted_by,
            admit_us=round((self._began - arrived) * 1e6), reserve_us=round((self._asked - self._began) * 1e6),
            first_token_ms=round((self._first - arrived) * 1e3) if self._first else None,
            latency_ms=round((now - arrived) * 1e3), price_in_micro=model.price_in, price_out_micro=model.price_out,
            streamed=self._request.stream, key_id=self._caller.key_id, bot_id=self._caller.bot_id,
            conversation_id=self._caller.conversation_id, india_only=self._caller.india_only,
            tried=tried_as(self.route.tried), unit=SOLD_BY.get(model.kind), units=self.units or None,
            options=self._options(),
            own_key=self.route.own,
        )  # fmt: skip

    @property
    def provenance(self) -> Provenance:
        """Where the answer comes from, as every reply says it."""
        route = self.route
        return Provenance(
            route.model,
            route.upstream.terms,
            self.id,
            self._request.model,
            len(route.tried),
            route.own,
            self.notes,
        )

    def _options(self) -> str | None:
        """What was done besides, as its usage record names it."""
        masked = [] if self.mask is None else [f"masked={len(self.mask)}"]
        return " ".join([*masked, *self.done]) or None


def tried_as(tried: Sequence[Terms]) -> str | None:
    """Upstreams as a usage record names them: name@region, each once."""
    return " ".join(dict.fromkeys(each.mark for each in tried)) or None


def _sane(told: int | None, before: int | None) -> int | None:
    """A count as an upstream tells it; one that cannot be is silence."""
    return told if told is not None and 0 <= told <= MOST_TOKENS else before
