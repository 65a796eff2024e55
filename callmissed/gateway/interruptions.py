"""What breaks an answer off: its caller leaves, or its key stops working."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from callmissed.foundation.problems import Problem
from callmissed.identity import KeyAccess, KeyRing

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gives the next message of the client (ASGI)."""


class Interruption:
    """Whether and why the answer of one task was broken off. It happens once, by cancelling the task."""

    def __init__(self) -> None:
        self._answering = asyncio.current_task()
        self._over = False
        self._left = False
        self.problem: Problem | None = None
        """Why the key stopped. None while it works, and when the caller has left."""

    @property
    def happened(self) -> bool:
        """Whether the answer was broken off."""
        return self._left or self.problem is not None

    def leave(self) -> None:
        """The caller has left: nobody is there to be told anything."""
        if not self._over and not self.happened:
            self._left = True
            self._cancel()

    def stop(self, problem: Problem) -> None:
        """The key does not work any more."""
        if not self._over and not self.happened:
            self.problem = problem
            self._cancel()

    def finish(self) -> None:
        """Nothing is broken off from here on. Raises CancelledError when somebody else has cancelled the task as well."""
        if self._over:
            return
        self._over = True
        if self.happened and self._answering is not None and self._answering.uncancel():
            raise asyncio.CancelledError

    def _cancel(self) -> None:
        if self._answering is not None:
            self._answering.cancel()


@contextlib.asynccontextmanager
async def interruptible(receive: Receive, ring: KeyRing, key: KeyAccess) -> AsyncGenerator[Interruption]:
    """The block is cancelled when the client leaves, and then ends quietly, or when the key stops: then its Problem is raised."""
    interruption = Interruption()

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        interruption.leave()

    watcher = asyncio.create_task(watch())
    try:
        with ring.hold(key, interruption.stop):
            yield interruption
            if interruption.happened:  # too late to break anything off, and before anybody else is met by it
                await asyncio.sleep(0)
    except asyncio.CancelledError:
        if not interruption.happened:
            raise
        interruption.finish()
        if interruption.problem is not None:
            raise interruption.problem from None
    finally:
        watcher.cancel()
        interruption.finish()
