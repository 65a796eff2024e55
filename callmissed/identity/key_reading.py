"""Reading keys from the database: all that are asked for at the same moment in one statement.

The first to ask begins a statement; whoever comes while it is under way goes into the next one. There is no timer.
"""

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import msgspec

from callmissed.foundation import clock
from callmissed.foundation.database import FAILURES, DirectConnection
from callmissed.identity.key_access import FoundKey

READ = "SELECT line, found FROM cm.read_keys($1, $2, $3)"
MOST = 500
"""Keys in one statement."""

_found = msgspec.json.Decoder(FoundKey)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that is asked for: by the keyed hash of a secret, or by its tenant and id. `used` are the secrets it was used with."""

    lookup: bytes | None = None
    tenant_id: UUID | None = None
    key_id: UUID | None = None
    used: Collection[bytes] = ()

    def line(self, number: int) -> dict[str, object]:
        """As the statement reads it."""
        return {
            "line": number,
            "lookup": self.lookup.hex() if self.lookup else None,
            "tenant_id": self.tenant_id,
            "key_id": self.key_id,
            "used": [each.hex() for each in self.used],
        }


class KeyReader:
    """Reads keys over a connection of its own. `kind` is what their hashes are called in the directory."""

    def __init__(self, connection: DirectConnection, kind: str) -> None:
        self._connection = connection
        self._kind = kind
        self._waiting: list[tuple[Wanted, asyncio.Future[FoundKey | None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def read(self, wanted: Wanted) -> FoundKey | None:
        """What the database knows of a key now; None when there is none. Raises what the database raises."""
        answer: asyncio.Future[FoundKey | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, answer))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="key reader")
        return await answer

    async def stop(self) -> None:
        """Read nothing any more."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._connection.close()

    async def _read(self) -> None:
        """Until nobody waits. A failure of the database is told to everybody whose key was in the statement."""
        taken: list[tuple[Wanted, asyncio.Future[FoundKey | None]]] = []
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                try:
                    found = await self._ask([wanted for wanted, _ in taken])
                except FAILURES as failure:
                    for _, answer in taken:
                        _tell(answer, failure)
                else:
                    for number, (_, answer) in enumerate(taken):
                        _tell(answer, found.get(number))
        finally:
            self._reading = None
            for _, answer in (*taken, *self._waiting):
                answer.cancel()

    async def _ask(self, wanted: list[Wanted]) -> dict[int, FoundKey]:
        """One statement; a second one where the first has found its connection gone."""
        lines = msgspec.json.encode([each.line(number) for number, each in enumerate(wanted)]).decode()
        try:
            rows = await self._connection.alone(READ, lines, self._kind, clock.now())
        except FAILURES:
            if not self._connection.lost:
                raise
            rows = await self._connection.alone(READ, lines, self._kind, clock.now())
        return {row["line"]: _found.decode(row["found"]) for row in rows}


def _tell(answer: "asyncio.Future[FoundKey | None]", outcome: FoundKey | Exception | None) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):  # whoever asked has left
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
