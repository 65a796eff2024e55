"""Live news: what happened, told to every open page the moment it is committed.

PostgreSQL's NOTIFY carries ids only, within the transaction that made the change; each process listens once and fans out.
News may be lost when a process restarts or a reader is slow: a page reloads its state when it (re)connects.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

import psycopg
from sqlalchemy import text

from callmissed.foundation.database import Tx
from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym

CHANNEL = "cm_live"
BACKLOG = 200
"""News a slow reader may fall behind before it is told to reload."""

declare_store(
    "live news", "queue", {"ids": pseudonym(Whose.CONTACT)}, Keep(until="delivered", promise="keep.active")
)

Payload = dict[str, str]
RELOAD: Payload = {"reload": "1"}


async def announce(tx: Tx, topic: str, payload: Payload) -> None:
    """Tell every listener of `topic`, once this transaction has committed. Ids only: up to 7,900 bytes."""
    message = json.dumps({"topic": topic, "payload": payload}, separators=(",", ":"))
    await tx.session.execute(
        text("SELECT pg_notify(:channel, :message)"), {"channel": CHANNEL, "message": message}
    )


class LiveBus:
    """One LISTEN connection of this process, fanned out to its readers by topic."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._readers: defaultdict[str, set[asyncio.Queue[Payload | None]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

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

    async def listen(self, topic: str) -> AsyncGenerator[Payload]:
        """Yield the news of a topic until the reader leaves or the process stops. `RELOAD` means some were missed."""
        queue: asyncio.Queue[Payload | None] = asyncio.Queue(BACKLOG)
        self._readers[topic].add(queue)
        try:
            while not self._stopping and (news := await queue.get()) is not None:
                yield news
        finally:
            self._readers[topic].discard(queue)
            if not self._readers[topic]:
                del self._readers[topic]

    async def _run(self, ready: asyncio.Event) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    # house: built-sql the channel is a constant, and LISTEN takes no bound values
                    await connection.execute(f"LISTEN {CHANNEL}")
                    if ready.is_set():
                        self._tell_all(RELOAD)
                    ready.set()
                    async for note in connection.notifies():
                        self._deliver(json.loads(note.payload))
            except psycopg.OperationalError:
                await asyncio.sleep(0.5)

    def _deliver(self, message: dict[str, Any]) -> None:
        for queue in tuple(self._readers.get(message["topic"], ())):
            _offer(queue, message["payload"])

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
