"""One HTTP/1.1 connection to an upstream, and the answer that comes over it: parsed by httptools, timed by one timer."""

import asyncio
import select
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from callmissed.foundation.problems import Problem
from callmissed.gateway.problems import UpstreamBroken, UpstreamSlow, UpstreamUnreachable

ROOM: Final = 65_536
"""Bytes of an answer that may wait for their reader before the server is made to wait."""

LARGEST_HEAD: Final = 65_536
"""Bytes that may pass without any of the body: the head, and what stands between chunks or after the last."""

IDLE_SECONDS: Final = 30.0
"""For so long a connection is kept for the next request."""

DOUBTFUL_SECONDS: Final = 1.0
"""One that was idle for longer is looked at before it is used: the server may have closed it."""

LINGER_SECONDS: Final = 1.0
"""How long the end of an answer may take after its reader had enough, before the connection is given up."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the first byte of the reply, between two bytes, and for everything together."""

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 30.0
    total: float = 600.0


class Keeper(Protocol):
    """Who keeps connections that are idle."""

    @property
    def timeouts(self) -> Timeouts:
        """How long each wait may last."""
        ...

    def keep(self, connection: "Connection") -> bool:
        """Take a connection back for the next request; False when it is not wanted."""
        ...

    def forget(self, connection: "Connection") -> None:
        """It is closed."""
        ...


class Answer:
    """An answer whose head is here. `status` is its number. Leaving its `with` block gives the connection back, or closes it."""

    __slots__ = (
        "_connection", "_loop", "_parts", "_size", "_waiter", "begun", "complete", "ends_at", "failure", "headers", "left",
        "room", "status",
    )  # fmt: skip

    def __init__(self, connection: "Connection", loop: asyncio.AbstractEventLoop, ends_at: float) -> None:
        self._connection: Connection | None = connection
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.begun = self.complete = self.left = False
        self.ends_at = ends_at
        self.failure: Problem | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.room = ROOM
        self.status = 0

    def __enter__(self) -> Self:
        """Begin to use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """Let go of it."""
        self.end()

    def header(self, name: bytes) -> str:
        """The value of a header (its name in lower case), empty when it is not there."""
        return next((value.decode("latin-1") for each, value in self.headers if each.lower() == name), "")

    async def whole(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamBroken when it is longer than `limit` or broken off, and UpstreamSlow."""
        self.room = limit
        self._resume()
        while not self.complete and self._size <= limit:
            await self._wait()
        if self._size > limit:
            raise UpstreamBroken
        return self._taken()

    async def chunk(self) -> bytes:
        """What has arrived since the last call, or the next that does; nothing at the end. Raises UpstreamBroken, UpstreamSlow."""
        while not self._parts and not self.complete:
            await self._wait()
        return self._taken()

    def end(self, *, soon: bool = False) -> None:
        """Let go of the connection: it is kept when the answer is complete, or closed. With `soon`, the end may still arrive."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._parts.clear()
            self.left = True
            connection.release(self, soon=soon)

    async def begin(self) -> None:
        """Wait for the head."""
        while not self.status:
            await self._wait()

    def add(self, data: bytes) -> bool:
        """Some of the body is here; whether more may come at once."""
        if not self.left:
            self._parts.append(data)
        self._size += len(data)
        return self._size <= self.room

    def wake(self) -> None:
        """Something happened."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        if self.failure is not None:
            raise self.failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _taken(self) -> bytes:
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._size = 0
        self._resume()
        return data

    def _resume(self) -> None:
        if self._connection is not None:
            self._connection.resume()


class Connection(asyncio.Protocol):
    """One connection: it writes a request, parses what comes back into an `Answer`, and keeps the time with one timer."""

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._answer: Answer | None = None
        self._paused = False
        self._reusable = True
        self._until_close = False
        self._bare = 0
        self._due = self._idle_since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # for the client

    def is_usable(self) -> bool:
        """Whether a request may be written to it, as far as can be known."""
        transport, idle = self._transport, self._loop.time() - self._idle_since
        if transport is None or transport.is_closing() or idle > IDLE_SECONDS:
            return False
        return idle < DOUBTFUL_SECONDS or not _readable(int(transport.get_extra_info("socket").fileno()))

    def send(self, request: bytes) -> Answer:
        """Write a request."""
        now, timeouts = self._loop.time(), self._keeper.timeouts
        self._answer = answer = Answer(self, self._loop, now + timeouts.total)
        self._bare = 0
        self._wait_until(min(now + timeouts.first_byte, answer.ends_at))
        if self._transport is not None:
            self._transport.write(request)
        return answer

    def release(self, answer: Answer, *, soon: bool) -> None:
        """Whoever reads the answer is done with it."""
        transport = self._transport
        if transport is None or answer is not self._answer:
            return
        if answer.complete:
            self._answer = None
            sent = not transport.get_write_buffer_size()
            if self._reusable and sent and not transport.is_closing() and self._keeper.keep(self):
                self._idle_since = self._loop.time()
                self._resume_reading()
                if self._timer is None:
                    self._wait_until(self._idle_since + IDLE_SECONDS)
                return
        elif soon and answer.failure is None:
            self._resume_reading()
            self._wait_until(self._loop.time() + LINGER_SECONDS)
            return
        self.abort()

    def resume(self) -> None:
        """The reader has room again."""
        if self._paused and self._answer is not None:
            self._resume_reading()
            self._wait_until(min(self._loop.time() + self._keeper.timeouts.idle, self._answer.ends_at))

    def abort(self) -> None:
        """Close it at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    # for the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast(
            "asyncio.Transport", transport
        )  # uvloop's is none by class, only by what it does

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone; an answer without a length is complete by that."""
        self._keeper.forget(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answer = self._answer
        if answer is None or answer.complete:
            return
        if exc is None and self._until_close and answer.failure is None:
            answer.complete = True
        elif answer.failure is None:
            answer.failure = UpstreamBroken() if answer.begun else UpstreamUnreachable()
        answer.wake()

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        answer = self._answer
        if answer is None or answer.complete:  # nobody asked: it must not meet the next caller
            self.abort()
            return
        answer.begun = True
        self._bare += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._reusable = False
            if not answer.complete:
                self._fail(answer, UpstreamBroken())
            answer.wake()
            return
        if self._bare > LARGEST_HEAD:
            self._fail(answer, UpstreamBroken())
        elif not answer.complete and not self._paused and not answer.left:
            self._wait_until(min(self._loop.time() + self._keeper.timeouts.idle, answer.ends_at))
        elif answer.complete and answer.left:
            self.release(answer, soon=False)
        answer.wake()

    # for the parser

    def on_message_begin(self) -> None:
        """A head begins. A second one after a complete answer is nobody's."""
        if self._answer is None or self._answer.complete:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a line after the last chunk, which nobody reads."""
        if self._answer is not None and not self._answer.status:
            self._answer.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is complete. Before the answer itself there may be others, of a status below 200 (RFC 9110 §15.2)."""
        answer = self._answer
        if answer is None or answer.complete:
            return
        status = self._parser.get_status_code()
        if status < 200:
            answer.headers.clear()
            return
        answer.status = status
        coding = answer.header(b"transfer-encoding").lower()
        self._until_close = not coding and not answer.header(b"content-length")
        if answer.header(b"content-encoding").lower() not in {"", "identity"} or coding not in {
            "",
            "chunked",
        }:
            self._fail(answer, UpstreamBroken())

    def on_body(self, data: bytes) -> None:
        """Some of the body."""
        answer = self._answer
        if answer is None or answer.complete or answer.failure is not None:
            return
        self._bare = 0
        if not answer.add(data) and not self._paused and self._transport is not None:
            if answer.left:
                self.abort()
                return
            self._paused = True
            self._transport.pause_reading()
            self._due = answer.ends_at

    def on_message_complete(self) -> None:
        """The answer is complete, unless it was one of those that come before it."""
        answer = self._answer
        if answer is not None and answer.status and not answer.complete:
            answer.complete = answer.failure is None
            self._reusable = self._reusable and self._parser.should_keep_alive()

    # time

    def _wait_until(self, due: float) -> None:
        """Something has to happen until then. The timer is set anew only when it would ring too late."""
        self._due = due
        if self._timer is None or due < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now, answer = self._loop.time(), self._answer
        due = self._due if answer is not None else self._idle_since + IDLE_SECONDS
        if answer is not None and answer.complete:
            return
        if now < due - 0.001:
            self._wait_until(due)
        elif answer is None:
            self.abort()
        else:
            self._fail(answer, UpstreamSlow())
            answer.wake()

    def _fail(self, answer: Answer, problem: Problem) -> None:
        answer.failure = answer.failure or problem
        self._reusable = False
        self.abort()

    def _resume_reading(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()


def _readable(descriptor: int) -> bool:
    """Whether something waits to be read there: on an idle connection that is its end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
