"""The writer of the access log: calls are counted in memory by minute, and written together every few seconds.

A call costs one look-up in a dict. While the database is away everything waits in memory, up to a bound; what is beyond it is
counted as lost, and the check of use.rate-limits says so.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DataError

from callmissed.foundation import audit, clock
from callmissed.foundation.access_log.models import AccessEntry, AccessLogPulse
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.often import AWAY, Often
from callmissed.foundation.tenancy import Access

log = logging.getLogger(__name__)

RETENTION_CLASS = "security_log"
MOST_WAITING = 50_000
"""Different entries that wait: beyond them a call is counted as lost."""
AT_A_TIME = 2_000
"""Entries in one transaction."""
BEGAN = "security:access_log:began"
NOBODY = "nobody"
UNKNOWN = frozenset({401, 404, 405})
"""Statuses of what is not there, or of whom nobody knows."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROGRAMS = ("/v1/", "/anthropic/", "/api/")


class Line(NamedTuple):
    """What one entry counts. A tuple, because one is made for every call."""

    minute: int
    actor_kind: str
    actor_id: UUID | None
    method: str
    route: str
    status: int
    address: str


class AccessLog:
    """The access log of this process. `begin` to write; `stop` writes what is left."""

    def __init__(self, db: Database, words: Collection[str] = (), most_waiting: int = MOST_WAITING) -> None:
        """`words` are those that may stand after the prefix of a program's address; any other is not written."""
        self._db = db
        self._words = frozenset(words)
        self._most_waiting = most_waiting
        self._node = uuid7()
        self._since = clock.now()
        self.lost = 0
        self._counted: dict[Line, int] = defaultdict(int)
        self._often = Often(self.write, "the access log")

    def note(self, scope: Mapping[str, Any], status: int) -> None:
        """Count a call that was answered. `scope["access"]` says who made it, where that is known."""
        access: Access | None = scope.get("access")
        client = scope.get("client")
        line = Line(
            _minute(),
            access.actor.kind if access else NOBODY,
            access.actor.id if access else None,
            scope["method"] if scope["method"] in METHODS else "",
            route_of(scope, status, self._words),
            status,
            client[0] if client else "",
        )
        self._count(line)

    def _count(self, line: Line) -> None:
        if line in self._counted or len(self._counted) < self._most_waiting:
            self._counted[line] += 1
        else:
            self.lost += 1

    async def begin(self) -> None:
        """Say once in the audit log that there is a log from now on, then write until it is stopped."""
        async with self._db.control() as tx, tx.as_operator():
            if (await tx.session.execute(select(AccessEntry.id).limit(1))).first() is None:
                await audit.record(tx, BEGAN, body={})
        self._count(Line(_minute(), "system", None, "", "(a server began)", 0, ""))
        self._often.begin()

    async def stop(self) -> None:
        """Write what is left, and say goodbye."""
        if not await self._often.end():
            return
        with suppress(*AWAY):
            await self.write()
            async with self._db.control() as tx:
                await tx.session.execute(delete(AccessLogPulse).where(AccessLogPulse.node == self._node))

    async def write(self) -> None:
        """Write everything that was counted until now, and that this log is alive."""
        counted, self._counted = self._counted, defaultdict[Line, int](int)
        waiting = list(counted.items())
        try:
            while waiting:
                await self._insert(waiting[:AT_A_TIME])
                del waiting[:AT_A_TIME]
        finally:
            for line, times in waiting:
                self._counted[line] += times
        async with self._db.control() as tx:
            pulse = {"at": clock.now(), "since": self._since, "lost": self.lost}
            alive = upsert(AccessLogPulse).values(node=self._node, **pulse)
            await tx.session.execute(alive.on_conflict_do_update(index_elements=["node"], set_=pulse))

    async def _insert(self, counted: list[tuple[Line, int]]) -> None:
        """Write these together; one that cannot be written is lost alone, and counted."""
        try:
            async with self._db.control() as tx:
                await _insert(tx, counted)
        except DataError as failure:  # its text may quote what was to be written
            if len(counted) == 1:
                self.lost += counted[0][1]
                log.warning("an entry of the access log cannot be written: %s", type(failure).__name__)
                return
            for each in counted:
                await self._insert([each])


def _minute() -> int:
    return int(clock.now().timestamp()) // 60


def day_of(day: date) -> UUID:
    """Under whose key the addresses of a day in India are sealed."""
    return uuid5(PLATFORM, f"access log of {day:%Y-%m-%d}")


def route_of(scope: Mapping[str, Any], status: int, words: Collection[str]) -> str:
    """What was asked for, as it is declared: no id, and nothing that a caller has made up.

    Below /v1 the first word after the prefix, if it is one of these; of what is not there, the prefix alone.
    """
    declared = getattr(scope.get("route"), "path", None)
    if declared is not None:
        return str(declared)[:120]
    path: str = scope["path"]
    for prefix in PROGRAMS:
        if path.startswith(prefix):
            word = path.removeprefix(prefix).removeprefix("v1/").partition("/")[0]
            return prefix + (word if word in words and status not in UNKNOWN else "…")
    return "/…"


async def _insert(tx: Tx, counted: list[tuple[Line, int]]) -> None:
    rows: list[dict[str, object]] = []
    for line, times in counted:
        at = datetime.fromtimestamp(line.minute * 60, UTC)
        row_id, day_id = uuid7(), day_of(at.astimezone(clock.IST).date())
        box = await tx.vault.person(day_id, RETENTION_CLASS)
        rows.append({
            "at": at, "id": row_id, "actor_kind": line.actor_kind, "actor_id": line.actor_id, "method": line.method,
            "route": line.route, "status": line.status, "times": times, "day_id": day_id,
            "address_tag": tx.vault.platform_index("access address", line.address),
            "address": box.seal(AccessEntry.address, row_id, line.address),
        })  # fmt: skip
    await tx.session.execute(insert(AccessEntry), rows)
