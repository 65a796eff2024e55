"""What breaks an answer off: its caller leaves, or its key stops working."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

from callmissed.foundation.problems import Problem
from callmissed.identity import KeyAccess, KeyRing

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
"""Gives the next message of the client (ASGI)."""


WATCHED_AFTER_SECONDS = 0.05
"""Whether the caller leaves is looked at only then: most of what is shorter would pay more for the look than it saves."""


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


class Interruptible:
    """The block is cancelled when the client leaves, and then ends quietly, or when the key stops: then its Problem is raised."""

    def __init__(self, receive: Receive, ring: KeyRing, key: KeyAccess) -> None:
        self._receive = receive
        self._ring = ring
        self._key = key
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Interruption:
        """Begin to look."""
        self._interruption = Interruption()
        self._hold = self._ring.hold(self._key, self._interruption.stop)
        self._hold.__enter__()
        self._soon = asyncio.get_running_loop().call_later(WATCHED_AFTER_SECONDS, self._look)
        return self._interruption

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> bool:
        """Look no longer, and turn the cancellation that was ours into what it means."""
        interruption, cancelled = self._interruption, kind is not None
        try:
            if kind is None and interruption.happened:
                # Too late to break anything off, and before anybody else is met by it.
                cancelled = await _is_cancelled_now()
            if not cancelled or not interruption.happened:
                return False
            if kind is not None and not issubclass(kind, asyncio.CancelledError):
                return False
            interruption.finish()
            if interruption.problem is not None:
                raise interruption.problem from None
            return True
        finally:
            self._hold.__exit__(None, None, None)
            self._soon.cancel()
            if self._watcher is not None:
                self._watcher.cancel()
            interruption.finish()

    def _look(self) -> None:
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._interruption.leave()


async def _is_cancelled_now() -> bool:
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        return True
    return False
