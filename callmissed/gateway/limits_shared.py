"""Rate limits that all processes of an installation share, in Redis (or Valkey): one script for each count, at the server's own time.

Only ids of keys and numbers are there, for a minute. While Redis is away each process limits alone, as without it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable
from importlib import import_module
from typing import Any, Literal, cast
from urllib.parse import urlsplit
from uuid import UUID

from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym
from callmissed.foundation.egress import PORTS, REGISTER
from callmissed.gateway.limits import EPSILON, LocalLimiter, Window, requests_window, tokens_window

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.25
"""How long a count may take before the process goes on alone."""
REST_SECONDS = 2.0
"""How long Redis is left alone after it failed."""

REQUEST = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local interval = 60 / ARGV[1]
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local over = due + interval - now - 60
if over <= tonumber(ARGV[2]) then
  due = due + interval
  redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000))
end
return {string.format('%.6f', due - now), string.format('%.6f', over)}
"""
"""A request of KEYS[1] at ARGV[1] a minute: seconds until the next is due, and by how many this one came too early."""

TOKENS = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local most, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = math.min(most, tonumber(known[1] or most) + (now - tonumber(known[2] or now)) * most / 60)
local missing = math.max(0, wanted - left)
if ARGV[3] == 'over' or missing == 0 then
  missing = 0
  left = math.min(most, left - wanted)
  redis.call('HSET', KEYS[1], 'left', string.format('%.6f', left), 'at', string.format('%.6f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(math.max(1, most - left) / most * 60000) + 1000)
end
return {string.format('%.6f', left), string.format('%.6f', missing)}
"""
"""ARGV[2] tokens of KEYS[1] at ARGV[1] a minute: what is left, and how many are missing. After the call ('over') they are
taken whether or not they are there, and below 0 returned."""

declare_store(
    "shared limits",
    "cache",
    {"key": pseudonym(Whose.USER, "which keys called within the last minute, and how often")},
    Keep(until="the minute is over", promise="keep.active"),
)


class SharedLimiter:
    """Counts of all processes. `url` is redis:// or rediss:// (TLS), with a password where there is one."""

    def __init__(self, url: str) -> None:
        # Imported here, because it costs 17 MB of memory, which whoever has no Redis need not pay.
        library: Any = import_module("redis.asyncio")
        self._failures: tuple[type[Exception], ...] = (library.RedisError, OSError, TimeoutError)
        self._redis = library.Redis.from_pool(
            library.ConnectionPool.from_url(
                url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
            )
        )
        where = urlsplit(url)
        REGISTER.admit(where.hostname or "", where.port or PORTS[where.scheme])
        self._request = self._redis.register_script(REQUEST)
        self._tokens = self._redis.register_script(TOKENS)
        self._alone = LocalLimiter()
        self._rests_until = 0.0
        self._giving: set[asyncio.Task[None]] = set()

    async def request(self, key: UUID, per_minute: int) -> Window:
        """As in `Limiter`."""
        script = self._request(keys=[f"cm.requests.{key}"], args=[per_minute, EPSILON])
        if (found := await self._asked(script)) is None:
            return await self._alone.request(key, per_minute)
        return requests_window(per_minute, *found)

    async def tokens(self, key: UUID, per_minute: int, wanted: int) -> Window:
        """As in `Limiter`."""
        if (found := await self._taken(key, per_minute, wanted, "before")) is None:
            return await self._alone.tokens(key, per_minute, wanted)
        return tokens_window(per_minute, *found)

    def give_back(self, key: UUID, per_minute: int, tokens: int) -> None:
        """As in `Limiter`. Nobody waits for it."""
        giving = asyncio.create_task(self._give_back(key, per_minute, tokens), name="tokens given back")
        self._giving.add(giving)
        giving.add_done_callback(self._giving.discard)

    async def stop(self) -> None:
        """Finish what is under way and close the connections."""
        await asyncio.gather(*self._giving, return_exceptions=True)
        await self._redis.aclose()

    async def _give_back(self, key: UUID, per_minute: int, tokens: int) -> None:
        if await self._taken(key, per_minute, -tokens, "over") is None:
            self._alone.give_back(key, per_minute, tokens)

    async def _taken(
        self, key: UUID, per_minute: int, tokens: int, when: Literal["before", "over"]
    ) -> tuple[float, float] | None:
        return await self._asked(self._tokens(keys=[f"cm.tokens.{key}"], args=[per_minute, tokens, when]))

    async def _asked(self, script: Awaitable[Any]) -> tuple[float, float] | None:
        """The two numbers of a script; None while Redis is away."""
        if time.monotonic() < self._rests_until:
            cast("Any", script).close()
            return None
        try:
            one, other = await script
        except self._failures as failure:
            self._rests_until = time.monotonic() + REST_SECONDS
            log.warning("limits are this process's own: Redis is away (%s)", type(failure).__name__)
            return None
        return float(one), float(other)
