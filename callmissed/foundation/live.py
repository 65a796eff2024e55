"""Live news: what happened, told to every open page the moment it is committed.

PostgreSQL's NOTIFY carries ids only, within the transaction that made the change; each process listens once and fans out.
News may be lost when a process restarts or a reader is slow: a page reloads its state when it (re)connects.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text

from callmissed.foundation.database import DirectConnection, Tx
from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym

CHANNEL = "cm_live"
ENDED = "ended"
BACKLOG = 200
"""News a slow reader may fall behind before it is told to reload."""

REMEMBERED_SECONDS = 10.0
"""How long an end is remembered, for a stream that was let in before it and begins to listen after it."""

declare_store(
    "live news", "queue", {"ids": pseudonym(Whose.CONTACT)}, Keep(until="delivered", promise="keep.active")
)

Payload = dict[str, str]
RELOAD: Payload = {"reload": "1"}


async def announce(tx: Tx, topic: str, payload: Payload) -> None:
    """Tell every listener of `topic`, once this transaction has committed. Ids only: up to 7,900 bytes."""
    values = {"channel": CHANNEL, "message": _message(topic, payload)}
    await tx.session.execute(text("SELECT pg_notify(:channel, :message)"), values)


async def announce_alone(connection: DirectConnection, topic: str, payload: Payload) -> None:
    """The same, where there is no change to tell it with: at once. Raises what the database raises."""
    await connection.alone("SELECT pg_notify($1, $2)", CHANNEL, _message(topic, payload))


def _message(topic: str, payload: Payload) -> str:
    return json.dumps({"topic": topic, "payload": payload}, separators=(",", ":"))


async def end(tx: Tx, bound_to: UUID) -> None:
    """End every stream that is bound to this tenant, session or person, once this transaction has committed."""
    await announce(tx, ENDED, {"id": str(bound_to)})


class LiveBus:
    """One LISTEN connection of this process, fanned out to its readers by topic.

    A stream may be bound to ids: to its tenant, its session, its person. When one of them ends, so does the stream; also
    when news were missed, because one of the missed may have been that.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._readers: defaultdict[str, set[asyncio.Queue[Payload | None]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._bound: defaultdict[UUID, set[asyncio.Queue[Payload | None]]] = defaultdict(set)
        self._ended: dict[UUID, float] = {}
        self.is_listening = False
        """Whether news arrive now. What is remembered on their strength must be asked anew while they do not."""

    async def start(self) -> None:
        """Begin listening in the background. Returns once the first connection listens."""
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._run(ready), name="live-bus")
        await ready.wait()

    async def stop(self) -> None:
        """End every reader's stream and stop listening."""
        self._stopping = True
        for queues in self._readers.values():
            for queue in queues:
                _offer(queue, None)
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def listen(self, topic: str, *, bound_to: Iterable[UUID] = ()) -> AsyncGenerator[Payload]:
        """Yield the news of a topic until the reader leaves, the process stops, or what it is bound to ends.

        `RELOAD` means some were missed; a bound reader ends then, and its page asks to be let in again.
        """
        queue: asyncio.Queue[Payload | None] = asyncio.Queue(BACKLOG)
        ids = tuple(bound_to)
        self._readers[topic].add(queue)
        for each in ids:
            self._bound[each].add(queue)
        if any(self._has_ended(each) for each in ids):
            _offer(queue, None)
        try:
            while not self._stopping and (news := await queue.get()) is not None:
                yield news
        finally:
            self._readers[topic].discard(queue)
            if not self._readers[topic]:
                del self._readers[topic]
            for each in ids:
                self._bound[each].discard(queue)
                if not self._bound[each]:
                    del self._bound[each]

    async def _run(self, ready: asyncio.Event) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    # house: built-sql the channel is a constant, and LISTEN takes no bound values
                    await connection.execute(f"LISTEN {CHANNEL}")
                    if ready.is_set():
                        self._end(*self._bound)
                        self._tell_all(RELOAD)
                    self.is_listening = True
                    ready.set()
                    async for note in connection.notifies():
                        self._deliver(json.loads(note.payload))
            except psycopg.OperationalError:
                self.is_listening = False
                await asyncio.sleep(0.5)

    def _deliver(self, message: dict[str, Any]) -> None:
        if message["topic"] == ENDED:
            gone, now = UUID(message["payload"]["id"]), time.monotonic()
            self._ended = {each: at for each, at in self._ended.items() if at + REMEMBERED_SECONDS > now}
            self._ended[gone] = now
            self._end(gone)
        for queue in tuple(self._readers.get(message["topic"], ())):
            _offer(queue, message["payload"])

    def _has_ended(self, each: UUID) -> bool:
        return self._ended.get(each, -REMEMBERED_SECONDS) + REMEMBERED_SECONDS > time.monotonic()

    def _end(self, *ids: UUID) -> None:
        for each in ids:
            for queue in tuple(self._bound.get(each, ())):
                _offer(queue, None)

    def _tell_all(self, payload: Payload) -> None:
        for queues in tuple(self._readers.values()):
            for queue in tuple(queues):
                _offer(queue, payload)


def _offer(queue: asyncio.Queue[Payload | None], news: Payload | None) -> None:
    """Put news without waiting; a full queue is emptied into one request to reload."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(RELOAD)
    queue.put_nowait(news)
