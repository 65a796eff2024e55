"""The gate before an upstream: so many requests at once, a short queue, and none while it keeps failing."""

import asyncio
import math
import time
from dataclasses import dataclass, field
from types import TracebackType

from callmissed.gateway.problems import (
    UpstreamBroken,
    UpstreamBusy,
    UpstreamCrowded,
    UpstreamPaused,
    UpstreamRefused,
    UpstreamSlow,
    UpstreamUnreachable,
)
from callmissed.gateway.routing import Breaker, BreakerRule

FAILURES = (UpstreamUnreachable, UpstreamSlow, UpstreamBroken, UpstreamBusy, UpstreamRefused)
"""What speaks against an upstream. Anything else shows that it is alive, or says nothing about it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upstream takes: requests at once (0: as many as come), requests that may wait, seconds they wait at most.

    `breaker` is None when it is asked however often it fails.
    """

    concurrency: int = 0
    queue: int = 16
    patience: float = 2.0
    breaker: BreakerRule | None = field(default_factory=BreakerRule)


class Gate:
    """`async with gate:` around each request to one upstream. Raises UpstreamPaused and UpstreamCrowded, before anything is sent."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._places = asyncio.Semaphore(self._limits.concurrency) if self._limits.concurrency else None
        self._waiting = 0
        self.breaker = Breaker(self._limits.breaker) if self._limits.breaker else None

    @property
    def is_open(self) -> bool:
        """Whether requests go through as usual."""
        return self.breaker is None or self.breaker.is_closed

    async def __aenter__(self) -> None:
        """Go in, at once or after a short wait."""
        if self._places is not None:
            await self._take_place(self._places)
        if self.breaker is not None:
            wait = self.breaker.wait(time.monotonic())
            if wait:
                self._leave_place()
                raise UpstreamPaused(retry_after=math.ceil(wait))

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Come out, and say what became of it."""
        self._leave_place()
        if self.breaker is None:
            return
        if kind is None or not issubclass(kind, asyncio.CancelledError | GeneratorExit):
            failed = kind is not None and issubclass(kind, FAILURES)
            self.breaker.record(time.monotonic(), failed=failed)
        else:
            self.breaker.abandon()

    async def _take_place(self, places: asyncio.Semaphore) -> None:
        if not places.locked():
            await places.acquire()  # at once: a timer would cost more than all the rest
            return
        if self._waiting >= self._limits.queue:
            raise UpstreamCrowded(retry_after=1)
        self._waiting += 1
        try:
            async with asyncio.timeout(self._limits.patience):
                await places.acquire()
        except TimeoutError:
            raise UpstreamCrowded(retry_after=1) from None
        finally:
            self._waiting -= 1

    def _leave_place(self) -> None:
        if self._places is not None:
            self._places.release()


UNGUARDED = Gate(Limits(breaker=None))
"""For the accounts of tenants: it remembers nothing, so what goes wrong on one of them stops nobody."""
