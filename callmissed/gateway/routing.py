"""Rules of routing, without any input or output: who is asked first, when to try again, when to let an upstream rest.

Times are seconds of one steady clock that the caller reads; chance is drawn by the caller, so every rule can be proved.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

Preference = Literal["weight", "latency", "cost"]
PREFERENCES: tuple[Preference, ...] = ("weight", "latency", "cost")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds before a second and a late attempt, before chance shortens them."""

SMOOTHING = 0.2
"""How much the newest of an upstream's times counts in its mean."""


class Choosable(Protocol):
    """What the order is made of: lower `order` first; among equals the preference decides. `latency` is in seconds."""

    @property
    def order(self) -> int:
        """Its rank."""
        ...

    @property
    def weight(self) -> float:
        """Its share among equals, more than 0."""
        ...

    @property
    def cost(self) -> int | None:
        """What it charges; None when that is not known."""
        ...

    @property
    def latency(self) -> float | None:
        """How long it takes to answer; None when it was not asked yet."""
        ...


C = TypeVar("C", bound=Choosable)


def ordered(choices: Iterable[C], prefer: Preference, draw: Callable[[], float]) -> list[C]:
    """Everything that may be asked, first choice first.

    By weight, each comes first in proportion to its weight (Efraimidis and Spirakis 2006). The quickest or cheapest comes
    first otherwise; what is not known yet is tried before the known for latency, and after it for cost. `draw` gives numbers
    from 0 to below 1.
    """
    found = list(choices)
    if not found[1:]:
        return found

    def key(choice: C) -> tuple[int, float, float]:
        by_weight = -((1.0 - draw()) ** (1.0 / choice.weight))
        if prefer == "latency":
            return choice.order, -1.0 if choice.latency is None else choice.latency, by_weight
        if prefer == "cost":
            return choice.order, float("inf") if choice.cost is None else float(choice.cost), by_weight
        return choice.order, 0.0, by_weight

    return sorted(found, key=key)


def mean(before: float | None, newest: float) -> float:
    """A mean that forgets: exponentially weighted."""
    return newest if before is None else before + SMOOTHING * (newest - before)


def pause(attempt: int, draw: float) -> float:
    """Seconds to wait before attempt number `attempt` (the first retry is 1): "full jitter", so that callers do not march in step."""
    return draw * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 30))


class RetryBudget:
    """Lets retries be a share of the requests and no more, so that an upstream in trouble is not asked twice as often.

    `share` of a retry is earned by each request, up to `most`; the first `most` are given.
    """

    def __init__(self, share: float = 0.1, most: float = 10.0) -> None:
        self._share = share
        self._most = most
        self._left = most

    def earn(self) -> None:
        """A request came in."""
        self._left = min(self._most, self._left + self._share)

    def spend(self) -> bool:
        """Whether one retry may be made; it is counted."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens: of at least `least` answers in the last `window` seconds, `share` or more failed.

    It then rests `rest` seconds, each further time twice as long, up to `longest_rest`.
    """

    least: int = 10
    share: float = 0.5
    window: float = 30.0
    rest: float = 5.0
    longest_rest: float = 120.0


class Breaker:
    """Circuit breaker of one upstream: closed, open (nothing is asked), half open (one request finds out)."""

    def __init__(self, rule: BreakerRule | None = None) -> None:
        self._rule = rule or BreakerRule()
        self._now: list[int] = [0, 0]
        self._earlier: list[int] = [0, 0]
        self._half_began = 0.0
        self._open_until: float | None = None
        self._rest = self._rule.rest
        self._probing = False

    def wait(self, now: float) -> float:
        """0 when a request may go, otherwise the seconds until one may. Half open, the one that may go is the probe."""
        if self._open_until is None:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        if self._probing:
            return self._rule.rest
        self._probing = True
        return 0.0

    def record(self, now: float, *, failed: bool) -> None:
        """A request ended: the upstream failed, or is alive."""
        if self._open_until is not None:
            if now >= self._open_until:
                self._end_probe(now, failed=failed)
            return
        self._turn(now)
        self._now[0] += failed
        self._now[1] += 1
        failures, answers = self._now[0] + self._earlier[0], self._now[1] + self._earlier[1]
        if answers >= self._rule.least and failures >= answers * self._rule.share:
            self._open(now)

    def abandon(self) -> None:
        """A request ended without telling anything: its reader left. The next one may be the probe."""
        self._probing = False

    @property
    def is_closed(self) -> bool:
        """Whether requests go through as usual."""
        return self._open_until is None

    def _end_probe(self, now: float, *, failed: bool) -> None:
        self._probing = False
        if failed:
            self._rest = min(self._rest * 2, self._rule.longest_rest)
            self._open(now)
        else:
            self._open_until, self._rest = None, self._rule.rest
            self._forget(now)

    def _open(self, now: float) -> None:
        self._open_until = now + self._rest
        self._probing = False
        self._forget(now)

    def _turn(self, now: float) -> None:
        """Count in two halves of the window: what is older than both is forgotten."""
        half = self._rule.window / 2
        if now - self._half_began >= 2 * half:
            self._forget(now)
        elif now - self._half_began >= half:
            self._earlier, self._now = self._now, [0, 0]
            self._half_began += half

    def _forget(self, now: float) -> None:
        self._now, self._earlier, self._half_began = [0, 0], [0, 0], now


def distinct(first: str, others: Sequence[str]) -> tuple[str, ...]:
    """The others in their order, without repetitions and without the first."""
    return tuple(each for each in dict.fromkeys(others) if each != first)
