"""Leases: money of a busy tenant that is held in advance, so that its next requests need no commit before they are asked.

A lease is a hold like any other, one for each tenant and process. Requests draw on it in memory; what they used is settled for
all tenants together, in one statement, and each caller is answered once that is durable. Nothing is drawn that is not held, so
nothing is spent that was not there. Every change of a lease in the database goes through one task, one after another: between
two of them memory and database say the same. See docs/decisions/0019.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from callmissed.billing.usage import Usage
from callmissed.billing.waiting import FIRST_PAUSE, LONGEST_PAUSE, Item
from callmissed.foundation import clock
from callmissed.foundation.database import FAILURES, PASSING, UNWRITABLE, DirectConnection
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees

log = logging.getLogger(__name__)

SETTLE = "SELECT settled, charged FROM cm.settle_leased($1, $2, $3)"
RESIZE = "SELECT lease, held FROM cm.resize_leases($1, $2, $3, $4, $5)"


@dataclass(frozen=True, slots=True)
class LeaseRule:
    """The times of leases, in seconds.

    `busy`: a tenant is busy whose last request was no longer ago, and a lease that was not drawn on for as long is given back.
    `renewed`: how often the time of a lease is renewed, because a hold of 15 minutes is swept up as an orphan (tasks.py).
    `forgotten`: a request that took so long is not waited for; what it had drawn returns to the lease, as its hold would.
    `look`: how often leases are looked through.
    """

    busy: float = 60.0
    renewed: float = 180.0
    forgotten: float = 900.0
    look: float = 5.0


SHARE = 20
"""A lease grows by no more than this part of what the wallet has available."""

SCARCE = rupees(20)
"""Where less is available nothing is leased: every request holds what it needs by itself."""

FIRST_REQUESTS, LEAST_REQUESTS = 8, 2
"""For how many requests like the present one a lease begins, and below how many it is not worth it."""


@dataclass(eq=False, slots=True)
class Lease:
    """A lease as this process knows it, in micro-rupees: `amount` is held, `out` of it is drawn by requests under way.

    `size` is what it should be. `growing` says that this is being seen to, `shrinking` that all but `out` is to be given back.
    Times are of `time.monotonic`.
    """

    tenant_id: UUID
    size: int
    least: int
    used_at: float
    id: UUID = field(default_factory=uuid7)
    amount: int = 0
    out: int = 0
    growing: bool = False
    shrinking: bool = False
    written_at: float = 0.0
    patient_until: float = 0.0

    @property
    def free(self) -> int:
        """What can be drawn."""
        return self.amount - self.out

    @property
    def wanted(self) -> int:
        """What the database should hold now."""
        return self.out if self.shrinking else max(self.size, self.amount)


@dataclass(eq=False, slots=True)
class _Drawn:
    """What a request has drawn, and how it is being settled."""

    lease: Lease
    amount: int
    at: float
    item: Item | None = None


class _Line(msgspec.Struct, frozen=True):
    """One settlement as the statement reads it."""

    tenant_id: UUID
    lease: UUID
    ref: UUID
    amount: int
    usage: Usage | None


class _Size(msgspec.Struct, frozen=True):
    """One change of a lease as the statement reads it."""

    tenant_id: UUID
    lease: UUID
    size: int
    least: int


class Leases:
    """The leases of one process. `late(tenant, item)` records what no lease covers any more."""

    def __init__(
        self, connection: DirectConnection, late: Callable[[UUID, Item], None], rule: LeaseRule
    ) -> None:
        self._rule = rule
        self._connection = connection
        self._late = late
        self._leases: dict[UUID, Lease] = {}
        self._seen: dict[UUID, float] = {}
        self._drawn: dict[UUID, _Drawn] = {}
        self._settling: list[_Drawn] = []
        self._changing: dict[Lease, asyncio.Future[None]] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def draw(self, tenant_id: UUID, ref: UUID, amount: int) -> bool:
        """Take what a request may need from its tenant's lease. False: it has to be held by itself."""
        if ref in self._drawn:
            return True
        now, lease = time.monotonic(), self._leases.get(tenant_id)
        if lease is None:
            self._notice(tenant_id, amount, now)
            return False
        lease.used_at = now
        if lease.free < amount:
            self._grow(lease, max(2 * lease.size, FIRST_REQUESTS * amount), now)
            return False
        lease.out += amount
        self._drawn[ref] = _Drawn(lease, amount, now)
        if lease.free < lease.size // 4:
            self._grow(lease, lease.size, now)
        return True

    def has(self, tenant_id: UUID, ref: UUID) -> bool:
        """Whether the money of this request was drawn here."""
        drawn = self._drawn.get(ref)
        return drawn is not None and drawn.lease.tenant_id == tenant_id

    async def settle(self, ref: UUID, amount: int, usage: Usage) -> int:
        """Take `amount`, at most what was drawn, and record the usage. Returns what was charged, once it is durable."""
        drawn = self._drawn[ref]
        if drawn.item is None:
            drawn.item = Item.of(ref, min(amount, drawn.amount), usage)
            self._settling.append(drawn)
            self._wake.set()
        return await drawn.item.done

    def put_back(self, ref: UUID) -> None:
        """A request that used nothing, or that nobody settles any more: what it had drawn is the lease's again."""
        drawn = self._drawn[ref]
        if drawn.item is None:
            self._over(ref, drawn)

    async def give_back(self, tenant_id: UUID) -> bool:
        """Return to the wallet what the tenant's lease holds and no request has drawn. False when there is no lease."""
        lease = self._leases.get(tenant_id)
        if lease is None:
            return False
        await asyncio.shield(self._shrink(lease))  # others may wait for the same
        return True

    async def stop(self, patience: float) -> None:
        """Write what is waiting and end the leases, for at most so many seconds."""
        ends = [self._shrink(lease) for lease in tuple(self._leases.values())]
        waiting = [*ends, *(drawn.item.done for drawn in self._drawn.values() if drawn.item)]
        if waiting:
            await asyncio.wait(waiting, timeout=patience)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._connection.close()

    def _notice(self, tenant_id: UUID, amount: int, now: float) -> None:
        """Remember that a tenant was here; one that was here just before gets a lease for what comes next."""
        before, self._seen[tenant_id] = self._seen.get(tenant_id, now - self._rule.busy), now
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._write(), name="leases"),
                asyncio.create_task(self._keep(), name="leases' keeper"),
            ]
        if before + self._rule.busy > now:
            lease = Lease(tenant_id, FIRST_REQUESTS * amount, LEAST_REQUESTS * amount, now)
            self._leases[tenant_id] = lease
            lease.growing = True
            self._change(lease)

    def _grow(self, lease: Lease, size: int, now: float) -> None:
        if not lease.growing and now >= lease.patient_until:
            lease.growing, lease.size = True, size
            self._change(lease)

    def _shrink(self, lease: Lease) -> "asyncio.Future[None]":
        lease.shrinking = True
        lease.amount = lease.out  # nothing is drawn from here on
        lease.patient_until = time.monotonic() + self._rule.busy
        return self._change(lease)

    def _change(self, lease: Lease) -> "asyncio.Future[None]":
        self._wake.set()
        return self._changing.setdefault(lease, asyncio.get_running_loop().create_future())

    def _over(self, ref: UUID, drawn: _Drawn) -> None:
        """A request draws no longer."""
        if self._drawn.pop(ref, None) is not None:
            drawn.lease.out -= drawn.amount

    async def _keep(self) -> None:
        """Until cancelled: give idle leases back, and renew those that are used."""
        while True:
            await asyncio.sleep(self._rule.look)
            now = time.monotonic()
            self._seen = {each: at for each, at in self._seen.items() if at + self._rule.busy > now}
            for ref in [ref for ref, each in self._drawn.items() if each.at + self._rule.forgotten < now]:
                self.put_back(ref)
            for lease in tuple(self._leases.values()):
                if lease.used_at + self._rule.busy < now and (lease.free or not lease.out):
                    self._shrink(lease)
                elif lease.written_at + self._rule.renewed < now:
                    self._change(lease)

    async def _write(self) -> None:
        """Write until cancelled. What was taken up stays in memory until it is committed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._settling:
                settling, self._settling = self._settling, []
                await self._settle(settling)
            if self._changing:
                changing, self._changing = self._changing, {}
                await self._resize(changing)

    async def _settle(self, taken: list[_Drawn]) -> None:
        """Settle together. Where that fails, one by one, so that the one that spoils it fails alone."""
        lines = [
            _Line(each.lease.tenant_id, each.lease.id, each.item.ref, each.item.amount, each.item.usage)
            for each in taken
            if each.item is not None
        ]
        tenants = list({each.tenant_id for each in lines})
        try:
            rows = await self._ask(SETTLE, tenants, _encoded(lines), clock.now())
        except UNWRITABLE as failure:  # whatever it is, the others must be settled and the next be written
            if len(taken) == 1:
                log.exception("a settlement of %s cannot be written", tenants[0])
                self._answer(taken[0], failure)
                return
            for each in taken:
                await self._settle([each])
            return
        charged = {row["settled"]: int(row["charged"]) for row in rows}
        for each, line in zip(taken, lines, strict=True):
            self._answer(each, charged.get(line.ref))

    def _answer(self, drawn: _Drawn, outcome: int | Exception | None) -> None:
        """After the commit. None: the lease is not there any more, or does not cover it; it is recorded free of charge."""
        lease, item = drawn.lease, drawn.item
        if item is None:
            return
        self._over(item.ref, drawn)
        if outcome is None:
            lease.amount = lease.out
            self._change(lease)
            self._late(lease.tenant_id, item)
            return
        if isinstance(outcome, int):
            lease.amount -= outcome
        item.answer(outcome)

    async def _resize(self, taken: "dict[Lease, asyncio.Future[None]]") -> None:
        wanted = {lease: lease.wanted for lease in taken}
        sizes = [_Size(each.tenant_id, each.id, size, each.least) for each, size in wanted.items()]
        shrunk = {lease for lease in taken if lease.shrinking}
        for lease in shrunk:
            lease.amount, lease.shrinking = lease.out, False
        tenants = [lease.tenant_id for lease in taken]
        held: dict[UUID, int] = {}
        try:
            rows = await self._ask(RESIZE, tenants, _encoded(sizes), clock.now(), SHARE, SCARCE)
            held = {row["lease"]: int(row["held"]) for row in rows}
        except UNWRITABLE:  # whatever it is, they count as not held, and the next are written
            log.exception("%d leases cannot be written", len(taken))
        for lease, done in taken.items():
            self._resized(lease, wanted[lease], held.get(lease.id, 0), shrunk=lease in shrunk)
            if not done.done():
                done.set_result(None)

    def _resized(self, lease: Lease, wanted: int, held: int, *, shrunk: bool) -> None:
        """A lease has another size now: the one that was wanted, or as much of it as there was."""
        lease.written_at = now = time.monotonic()
        lease.amount = lease.out if lease.shrinking else held
        lease.growing, lease.size = False, held
        if held < wanted:
            lease.patient_until = now + (self._rule.look if held else self._rule.busy)
        if shrunk and not (held or lease.out) and lease not in self._changing:
            self._leases.pop(lease.tenant_id, None)

    async def _ask(self, statement: str, *arguments: object) -> list[Any]:
        """One statement that is a transaction, however long the database is away."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._connection.alone(statement, *arguments)
            except FAILURES as failure:
                if not (self._connection.lost or isinstance(failure, PASSING)):
                    raise
                log.warning("leases wait for the database: %s", type(failure).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


def _encoded(lines: Sequence[object]) -> str:
    return msgspec.json.encode(lines).decode()
