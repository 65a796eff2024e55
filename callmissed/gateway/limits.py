"""Rate limits: requests by the generic cell rate algorithm (GCRA; ITU-T I.371), tokens by a bucket.

A `Limiter` keeps the counts: `LocalLimiter` those of this process alone, `limits_shared.SharedLimiter` those of all processes.
An `Allowance` is what they leave one request of a key.
"""

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from callmissed.billing import Plan, plan_named
from callmissed.foundation.money import Micro
from callmissed.gateway.problems import RateLimited, TokenRateLimited, TooManyAtOnce
from callmissed.identity import KeyAccess

MOST_KEYS = 100_000
MINUTE = 60
EPSILON = 1e-6
"""Seconds: less than the clocks agree to."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a limit allows in a minute, how much of that is left, in how many seconds all of it is, and the seconds to wait (0: none)."""

    limit: int
    left: int
    reset: int
    wait: int = 0


class Limiter(Protocol):
    """Keeps the counts of every key."""

    async def request(self, key: UUID, per_minute: int) -> Window:
        """Count a request, unless it has to wait. Evenly `per_minute`, and as many at once after a quiet minute."""
        ...

    async def tokens(self, key: UUID, per_minute: int, wanted: int) -> Window:
        """Take what a call may need, unless it has to wait: what it did not need returns."""
        ...

    def give_back(self, key: UUID, per_minute: int, tokens: int) -> None:
        """Return what was not needed; below 0, take what was needed beyond."""
        ...


class LocalLimiter:
    """Counts of this process alone. Several processes each allow the whole rate."""

    def __init__(self) -> None:
        self._due: dict[UUID, float] = {}
        self._left: dict[UUID, tuple[float, float]] = {}

    async def request(self, key: UUID, per_minute: int) -> Window:
        """As in `Limiter`."""
        interval, now = MINUTE / per_minute, time.monotonic()
        due = max(self._due.get(key, now), now)
        over = due + interval - now - MINUTE
        if over <= EPSILON:
            if len(self._due) >= MOST_KEYS:
                self._due = {each: at for each, at in self._due.items() if at > now}
            due += interval
            self._due[key] = due
        return requests_window(per_minute, due - now, over)

    async def tokens(self, key: UUID, per_minute: int, wanted: int) -> Window:
        """As in `Limiter`."""
        now = time.monotonic()
        left = self._now(key, per_minute, now)
        if left >= wanted:
            if len(self._left) >= MOST_KEYS:
                self._left = {each: known for each, known in self._left.items() if known[1] > now - MINUTE}
            self._left[key] = (left - wanted, now)
            return tokens_window(per_minute, left - wanted, 0)
        return tokens_window(per_minute, left, wanted - left)

    def give_back(self, key: UUID, per_minute: int, tokens: int) -> None:
        """As in `Limiter`."""
        now = time.monotonic()
        self._left[key] = (min(float(per_minute), self._now(key, per_minute, now) + tokens), now)

    def _now(self, key: UUID, per_minute: int, now: float) -> float:
        left, at = self._left.get(key, (float(per_minute), now))
        return min(float(per_minute), left + (now - at) * per_minute / MINUTE)


def requests_window(per_minute: int, ahead: float, over: float) -> Window:
    """How a key stands whose next request is due in `ahead` seconds, and whose present one came `over` seconds too early."""
    left = int((MINUTE - ahead) * per_minute / MINUTE + EPSILON)
    return Window(
        per_minute, max(0, left), math.ceil(ahead), max(1, math.ceil(over)) if over > EPSILON else 0
    )


def tokens_window(per_minute: int, left: float, missing: float) -> Window:
    """How a key stands with so many tokens left, and so many missing."""
    wait = max(1, math.ceil(missing * MINUTE / per_minute)) if missing > 0 else 0
    return Window(
        per_minute, max(0, int(left)), math.ceil(max(0.0, per_minute - left) * MINUTE / per_minute), wait
    )


class AtOnce:
    """How many calls of each workspace are under way in this process: each holds memory for as long as it lasts."""

    def __init__(self) -> None:
        self._under_way: dict[UUID, int] = {}

    @contextmanager
    def one_more(self, tenant_id: UUID, most: int) -> Generator[None]:
        """A call is under way until the end of the block. Raises TooManyAtOnce."""
        before = self._under_way.get(tenant_id, 0)
        if before >= most:
            raise TooManyAtOnce(retry_after=1)
        self._under_way[tenant_id] = before + 1
        try:
            yield
        finally:
            left = self._under_way[tenant_id] - 1
            if left:
                self._under_way[tenant_id] = left
            else:
                del self._under_way[tenant_id]


class Allowance:
    """What a key's own limits and those of its plan leave one request. Every answer tells it in its headers."""

    def __init__(self, limiter: Limiter, key: KeyAccess) -> None:
        self._limiter = limiter
        self._key = key
        self._requests: Window | None = None
        self._tokens: Window | None = None
        self._taken = 0

    @property
    def plan(self) -> Plan:
        """The plan of the key's workspace."""
        return plan_named(self._key.plan)

    @property
    def budget(self) -> Micro | None:
        """Micro-rupees that the key may spend in a month; None for no such limit."""
        return self._key.monthly_budget

    async def admit(self) -> None:
        """Count the request. Raises RateLimited."""
        key, most = self._key, self.plan.requests_per_minute
        per_minute = most if key.requests_per_minute is None else min(key.requests_per_minute, most)
        self._requests = await self._limiter.request(key.key_id, per_minute)
        if self._requests.wait:
            raise RateLimited(retry_after=self._requests.wait)

    async def take(self, tokens: int) -> None:
        """Take the tokens that a call may need, at most a whole minute's. Raises TokenRateLimited."""
        per_minute = self._key.tokens_per_minute
        if per_minute is None:
            return
        wanted = min(tokens, per_minute)
        self._tokens = await self._limiter.tokens(self._key.key_id, per_minute, wanted)
        if self._tokens.wait:
            raise TokenRateLimited(retry_after=self._tokens.wait)
        self._taken = wanted

    def settle(self, used: int) -> None:
        """The call is over and used so many tokens."""
        per_minute = self._key.tokens_per_minute
        if per_minute is None or self._tokens is None:
            return
        back, self._taken = self._taken - used, 0
        self._limiter.give_back(self._key.key_id, per_minute, back)
        left = max(0, min(per_minute, self._tokens.left + back))
        self._tokens = replace(self._tokens, left=left)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy`, what is allowed, and `RateLimit`, what is left of it (r) until all is (t, seconds).

        As draft-ietf-httpapi-ratelimit-headers-10 writes them.
        """
        asked, used = self._requests, self._tokens
        if asked is None:
            return []
        policy = f'"requests";q={asked.limit};w={MINUTE}'
        now = f'"requests";r={asked.left};t={asked.reset}'
        if used is not None:
            policy += f', "tokens";q={used.limit};w={MINUTE}'
            now += f', "tokens";r={used.left};t={used.reset}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())]
