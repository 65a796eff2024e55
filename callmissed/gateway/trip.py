"""A trip: one call that may be answered by several upstreams. It asks one after another until the first one answers.

To whoever makes the call it is a route and an upstream in one: its `model` and `terms` are those of whoever is asked now,
and in the end of whoever answered. A model with one upstream needs no trip, and pays for none.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from callmissed.foundation.problems import Problem
from callmissed.gateway.catalogue import Model
from callmissed.gateway.hedging import race
from callmissed.gateway.problems import (
    OwnKeyRefused,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamCrowded,
    UpstreamPaused,
    UpstreamRefused,
    UpstreamSlow,
    UpstreamUnreachable,
)
from callmissed.gateway.routing import Preference, RetryBudget, mean, ordered, pause
from callmissed.gateway.tokens import count_messages
from callmissed.gateway.upstreams import (
    Asked,
    Found,
    Heard,
    Listening,
    Piece,
    Replied,
    Sought,
    Sound,
    Terms,
    Upstream,
    Wording,
    Work,
    Worked,
)

Answer = TypeVar("Answer")

_chance = random.SystemRandom().random

NOT_ASKED = (UpstreamPaused, UpstreamCrowded)
"""Nothing was sent: another may be asked, and this was no attempt."""

MOVES_ON = (UpstreamUnreachable, UpstreamSlow, UpstreamBusy, UpstreamRefused, OwnKeyRefused)
"""It was asked and did not answer. So does an UpstreamBroken that comes before any answer."""

SHORT_BUSY_SECONDS = 2
"""A supplier that is busy for no longer is waited for where nobody else can answer."""


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """How trips go: whom they prefer among equals, how many attempts they make, and for how long they begin new ones (seconds).

    `hedge_after`: where an upstream has not answered after so many seconds, the next one of the same model is asked beside it.
    """

    prefer: Preference = "weight"
    attempts: int = 4
    patience: float = 90.0
    hedge_after: float | None = None


@dataclass(eq=False, slots=True)
class Route:
    """A model at one upstream, and what is known of how it fares. It lives as long as the process.

    `own`: it runs on the tenant's own account, for one call.
    """

    model: Model
    upstream: Upstream
    latency: float | None = None
    own: bool = False
    tried: Sequence[Terms] = ()
    """A call with one route was sent nowhere before."""
    asks_own: bool = field(init=False)
    """Whether nothing but a tenant's own key opens it."""
    closed: bool = field(init=False)
    """Whether it may receive no content."""

    def __post_init__(self) -> None:
        """What its upstream says, once for all calls."""
        taking = self.upstream.taking
        self.asks_own = taking is not None and taking.required and not self.own
        self.closed = self.asks_own or self.upstream.terms.trains_on_content

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model that may answer: this one."""
        return (self.model,)

    @property
    def costs(self) -> bool:
        """Whether the wallet pays for it."""
        return not self.own

    @property
    def order(self) -> int:
        """Its rank among those that serve the model."""
        return self.model.order

    @property
    def weight(self) -> float:
        """Its share among equals."""
        return self.model.weight

    @property
    def cost(self) -> int | None:
        """What the upstream charges the operator."""
        return self.model.cost


Ask = Callable[[Route], Coroutine[Any, Any, Answer]]
Close = Callable[[Answer], Coroutine[Any, Any, None]]
Begun = tuple[AsyncGenerator[Piece], Piece | None]


@dataclass(slots=True)
class Trip:
    """One call under way. `routes` are those of the model that was asked for, then those of each fallback, in the caller's order."""

    routes: Sequence[Sequence[Route]]
    rule: RoutingRule
    budget: RetryBudget
    asked_for: str
    tried: list[Terms] = field(default_factory=list[Terms])
    _now: Route = field(init=False)
    _usable: list[Route] = field(init=False)

    def __post_init__(self) -> None:
        """Choose the order."""
        self._usable = [route for group in self.routes for route in ordered(group, self.rule.prefer, _chance)]
        self._now = self._usable[0]

    @property
    def model(self) -> Model:
        """The model that answers."""
        return self._now.model

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model that may answer, once for each price: what is held before must cover the dearest."""
        prices = {(route.model.id, route.own): route.model for route in self._usable}
        return tuple(prices.values())

    @property
    def own(self) -> bool:
        """Whether it is asked on the tenant's own account now."""
        return self._now.own

    @property
    def costs(self) -> bool:
        """Whether the wallet may have to pay for it."""
        return not all(route.own for route in self._usable)

    @property
    def upstream(self) -> "Trip":
        """The trip itself: it asks as one upstream does."""
        return self

    @property
    def terms(self) -> Terms:
        """Where, and under which contract, it is asked now."""
        return self._now.upstream.terms

    def check(self, asked: Asked) -> None:
        """Leave out fallbacks that cannot do what is asked. Raises Unsupported when the model that was asked for cannot."""
        length = count_messages(asked.messages)
        found: list[Route] = []
        for route in self._usable:
            try:
                route.upstream.check(asked)
            except Problem:
                if route.model.id == self.asked_for:
                    raise
                continue
            if route.model.id == self.asked_for or length <= route.model.context:
                found.append(route)
        self._usable = found

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer of the first that gives one."""

        async def whole(route: Route) -> Replied:
            return await route.upstream.reply(replace(asked, model=route.model.served_as))

        return await self._first(whole, _nothing)

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer of the first that begins one. After its first piece nobody else is asked."""

        async def begun(route: Route) -> Begun:
            pieces = route.upstream.stream(replace(asked, model=route.model.served_as))
            return pieces, await anext(pieces, None)

        async def close(begun: Begun) -> None:
            await begun[0].aclose()

        pieces, first = await self._first(begun, close)
        try:
            if first is not None:
                yield first
                async for piece in pieces:
                    yield piece
        finally:
            await pieces.aclose()

    async def work(self, work: Work) -> Worked:
        """The document of the first that gives one."""

        async def whole(route: Route) -> Worked:
            return await route.upstream.work(replace(work, model=route.model.served_as))

        return await self._first(whole, _nothing)

    async def speak(self, wording: Wording) -> Sound:
        """The speech of the first that begins to speak."""

        async def begun(route: Route) -> Sound:
            return await route.upstream.speak(replace(wording, model=route.model.served_as))

        return await self._first(begun)

    async def hear(self, listening: Listening) -> Heard:
        """What the first says that answers."""

        async def whole(route: Route) -> Heard:
            return await route.upstream.hear(replace(listening, model=route.model.served_as))

        return await self._first(whole)

    async def search(self, sought: Sought) -> Found:
        """What the first finds that answers."""

        async def whole(route: Route) -> Found:
            return await route.upstream.search(replace(sought, model=route.model.served_as))

        return await self._first(whole)

    async def close(self) -> None:
        """The upstreams are not the trip's to close."""

    async def _first(self, ask: Ask[Answer], close: Close[Answer] | None = None) -> Answer:
        """The first answer; hedged, where it may be and `close` says how an answer is let go. Raises what the last raised that was asked."""
        self.budget.earn()
        began, attempts, last = time.monotonic(), 0, Problem()
        queue = list(self._usable)
        while queue:
            route, asked_at = queue.pop(0), time.monotonic()
            if attempts and asked_at - began > self.rule.patience:
                break
            before, self._now = self._now, route
            hedge = self._hedge(route) if close is not None and attempts + 1 < self.rule.attempts else None
            asked_before = len(self.tried)
            try:
                if hedge is None or close is None:
                    answer = await ask(route)
                else:
                    answer = await self._raced(ask, close, route, hedge, queue)
            except NOT_ASKED as problem:
                last, self._now = (last, before) if attempts else (problem, route)
                attempts += len(self.tried) - asked_before
                continue
            except (*MOVES_ON, UpstreamBroken) as problem:
                attempts, last = attempts + 1 + len(self.tried) - asked_before, problem
                wait = self._wait(problem, attempts, others=bool(queue))
                if wait is None:
                    break
                self.tried.append(route.upstream.terms)
                if not queue:
                    queue.append(route)
                await asyncio.sleep(wait)
            else:
                if self._now is route:
                    route.latency = mean(route.latency, time.monotonic() - asked_at)
                return answer
        raise last

    def _hedge(self, route: Route) -> float | None:
        """Seconds after which another is asked beside this one; None where nobody is."""
        after = route.model.hedge_after
        return self.rule.hedge_after if after is None else after

    async def _raced(
        self, ask: Ask[Answer], close: Close[Answer], route: Route, after: float, queue: list[Route]
    ) -> Answer:
        """The answer of this one, or of the next that serves the same model on the same kind of account, whoever is first."""
        asked_at = time.monotonic()

        def other() -> Route | None:
            found = next((each for each in queue if _alike(each, route)), None)
            if found is None or not self.budget.spend():
                return None
            queue.remove(found)
            self.tried.append(found.upstream.terms)
            return found

        async def asking(each: Route) -> Answer:
            try:
                return await ask(each)
            except NOT_ASKED:
                if each is not route:
                    self.tried.remove(each.upstream.terms)
                raise

        winner, answer = await race(asking, route, after, other, close)
        if winner is not route:
            self.tried[-1], self._now = route.upstream.terms, winner
            route.latency = mean(route.latency, time.monotonic() - asked_at)
            winner.latency = mean(winner.latency, time.monotonic() - asked_at - after)
        return answer

    def _wait(self, problem: Problem, attempts: int, *, others: bool) -> float | None:
        """Seconds until the next attempt; None when there is none.

        Another upstream is asked at once. The same one is asked again only where nobody else can answer, if it was not
        reached or is busy for a moment, and within the budget of retries.
        """
        if attempts >= self.rule.attempts or (isinstance(problem, UpstreamBroken) and problem.answered):
            return None
        if others:
            return 0.0
        again = isinstance(problem, UpstreamUnreachable) or (
            isinstance(problem, UpstreamBusy) and (problem.retry_after or 0) <= SHORT_BUSY_SECONDS
        )
        if not again or not self.budget.spend():
            return None
        return float(problem.retry_after or 0) + pause(attempts, _chance())


def _alike(one: Route, other: Route) -> bool:
    """Whether both serve the same model, on the operator's accounts or on the tenant's own."""
    return one.model.id == other.model.id and one.own == other.own


async def _nothing(answer: object) -> None:
    """A whole answer holds nothing that would have to be closed."""
    del answer
