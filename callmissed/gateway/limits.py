"""Rate limits in this process: requests by the generic cell rate algorithm (GCRA; ITU-T I.371), tokens by a bucket.

Several processes each allow the whole rate; sharing it is a later adapter's work.
"""

import math
import time
from dataclasses import dataclass
from uuid import UUID

from callmissed.gateway.problems import TokenRateLimited
from callmissed.identity import KeyAccess

MOST_KEYS = 100_000
MINUTE = 60


@dataclass(frozen=True, slots=True)
class Window:
    """What a limit allows in a minute, how much of that is left now, and in how many seconds all of it is."""

    limit: int
    left: int
    reset: int


class RateLimit:
    """Allows `per_minute` requests evenly, and as many at once after a quiet minute; a key may be held to fewer."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._tolerance = 60.0
        self._due: dict[UUID, float] = {}

    def wait(self, key: UUID, per_minute: int | None = None) -> int:
        """0 when the request may go on (and is counted), otherwise the whole seconds until one may."""
        interval = 60.0 / (self._most if per_minute is None else min(per_minute, self._most))
        now = time.monotonic()
        due = max(self._due.get(key, now), now)
        over = due + interval - now - self._tolerance
        if over > 1e-9:
            return max(1, math.ceil(over))
        if len(self._due) >= MOST_KEYS:
            self._due = {each: at for each, at in self._due.items() if at > now}
        self._due[key] = due + interval
        return 0

    def window(self, key: UUID, per_minute: int | None = None) -> Window:
        """How the key stands now."""
        most = self._most if per_minute is None else min(per_minute, self._most)
        ahead = max(0.0, self._due.get(key, 0.0) - time.monotonic())
        return Window(most, int((self._tolerance - ahead) * most / MINUTE + 1e-6), math.ceil(ahead))


class TokenLimit:
    """Allows each key so many tokens a minute: what a call may need is taken before it, what it did not need returns."""

    def __init__(self) -> None:
        self._left: dict[UUID, tuple[float, float]] = {}

    def take(self, key: UUID, per_minute: int, tokens: int) -> int:
        """0 when so many tokens were taken, otherwise the whole seconds until they can be."""
        now = time.monotonic()
        left = self._now(key, per_minute, now)
        if left < tokens:
            return max(1, math.ceil((tokens - left) * 60 / per_minute))
        if len(self._left) >= MOST_KEYS:
            self._left = {each: known for each, known in self._left.items() if known[1] > now - 60}
        self._left[key] = (left - tokens, now)
        return 0

    def give_back(self, key: UUID, per_minute: int, tokens: int) -> None:
        """Return what was not needed; below 0, what was needed beyond what was taken."""
        now = time.monotonic()
        self._left[key] = (min(float(per_minute), self._now(key, per_minute, now) + tokens), now)

    def window(self, key: UUID, per_minute: int) -> Window:
        """How the key stands now."""
        left = self._now(key, per_minute, time.monotonic())
        return Window(per_minute, max(0, int(left)), math.ceil((per_minute - left) * MINUTE / per_minute))

    def _now(self, key: UUID, per_minute: int, now: float) -> float:
        left, at = self._left.get(key, (float(per_minute), now))
        return min(float(per_minute), left + (now - at) * per_minute / 60)


@dataclass(slots=True)
class Allowance:
    """What a key's own limits leave for one call. `budget` is in micro-rupees a month; None means no such limit."""

    tokens: TokenLimit
    key_id: UUID
    per_minute: int | None
    budget: int | None
    taken: int = 0

    def take(self, tokens: int) -> None:
        """Take what a call may need, at most a whole minute's. Raises TokenRateLimited."""
        if self.per_minute is None:
            return
        wanted = min(tokens, self.per_minute)
        wait = self.tokens.take(self.key_id, self.per_minute, wanted)
        if wait:
            raise TokenRateLimited(retry_after=wait)
        self.taken = wanted

    def settle(self, used: int) -> None:
        """The call is over and used so many tokens."""
        if self.per_minute is not None:
            self.tokens.give_back(self.key_id, self.per_minute, self.taken - used)


@dataclass(frozen=True, slots=True)
class Rates:
    """A key's limits a minute, as every answer tells them (draft-ietf-httpapi-ratelimit-headers-10)."""

    key: KeyAccess
    requests: RateLimit
    tokens: TokenLimit

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy`, what is allowed, and `RateLimit`, what is left of it (r) until all is (t, seconds)."""
        key = self.key
        asked = self.requests.window(key.key_id, key.requests_per_minute)
        policy = f'"requests";q={asked.limit};w={MINUTE}'
        now = f'"requests";r={asked.left};t={asked.reset}'
        if key.tokens_per_minute is not None:
            used = self.tokens.window(key.key_id, key.tokens_per_minute)
            policy += f', "tokens";q={used.limit};w={MINUTE}'
            now += f', "tokens";r={used.left};t={used.reset}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())]
