"""The ledger's writer: reserve, settle and release for all requests of this process, in exact micro-batches.

Callers queue; one task with one connection takes whatever has queued, writes it in one transaction, and answers after the
commit; what queues meanwhile is the next batch. There is no timer. A record leaves memory only after its commit, and each
may be written again after a lost connection: a hold exists once, is removed once, and usage is keyed by its reference.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from uuid import UUID

import msgspec

from callmissed.billing import statements
from callmissed.billing.budgets import EndUserBudget, KeyBudget, Room, first_that_fit, month_of
from callmissed.billing.leases import LeaseRule, Leases
from callmissed.billing.problems import BudgetExhausted, LedgerBusy, WalletExhausted
from callmissed.billing.usage import Usage
from callmissed.billing.waiting import FIRST_PAUSE, LONGEST_PAUSE, Batch, Item, Outcomes
from callmissed.foundation import clock
from callmissed.foundation.database import (
    FAILURES,
    PASSING,
    UNWRITABLE,
    AlreadyThere,
    DirectConnection,
    DirectTx,
)

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 15
"""How long a request waits for its reservation. The ledger itself tries for ever: what was used must be written."""


class Ledger:
    """Reserve → settle or release, for every tenant. One per process; `stop` writes what is left.

    `dsn` signs in to the data plane as a role that row-level security holds.
    """

    def __init__(self, dsn: str, leases: LeaseRule | None = None) -> None:
        self._connection = DirectConnection(dsn)
        self._leases = Leases(DirectConnection(dsn), self._queue_close, leases or LeaseRule())
        self._waiting: dict[UUID, Batch] = {}
        self._taken: dict[UUID, Batch] = {}
        self._holding: set[UUID] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def reserve(
        self,
        tenant_id: UUID,
        ref: UUID,
        amount: int,
        key: KeyBudget | None = None,
        end_user: EndUserBudget | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Hold `amount` micro-rupees (more than 0) for a request. `ref` is its UUIDv7; repeating it changes nothing.

        `key` is the key it came with, `end_user` for whom it is: what is spent is counted, and kept within their budgets of the
        month. With `alone` it is never drawn from a lease, so that every process can release it, and nobody can charge it
        after that. Raises WalletExhausted when the tenant has less than that available, BudgetExhausted, KeyBudgetExhausted,
        EndUserBudgetExhausted, and LedgerBusy when the database is out of reach.
        """
        alone = (
            alone
            or ref in self._holding
            or end_user is not None
            or (key is not None and key.micro is not None)
        )
        if not alone and self._leases.draw(tenant_id, ref, amount):
            return
        item = Item.of(ref, amount)
        item.key, item.end_user = key, end_user
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._reserve(tenant_id, item)
        except TimeoutError:
            raise LedgerBusy(retry_after=5) from None

    async def settle(self, tenant_id: UUID, ref: UUID, amount: int, usage: Usage) -> int:
        """Take `amount` micro-rupees, at most what was held, and record the usage. Returns what was charged.

        Durable when it returns. If the caller is cancelled meanwhile, it is written all the same.
        """
        if self._leases.has(tenant_id, ref):
            return await self._leases.settle(ref, amount, usage)
        return await self._close(tenant_id, Item.of(ref, amount, usage))

    async def release(self, tenant_id: UUID, ref: UUID, usage: Usage | None = None) -> None:
        """Give the hold back: nothing is charged. `usage` records a request that failed."""
        if not self._leases.has(tenant_id, ref):
            await self._close(tenant_id, Item.of(ref, 0, usage))
        elif usage is None:
            self._leases.put_back(ref)
        else:
            await self._leases.settle(ref, 0, usage)

    async def stop(self) -> None:
        """Write what is waiting, end the leases, then let go of the connections."""
        await self._leases.stop(PATIENCE_SECONDS)
        if self._writer is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._idle.wait()  # also for holds that go back because their callers have left
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._connection.close()

    async def _reserve(self, tenant_id: UUID, item: Item) -> None:
        """Hold. What a lease keeps idle is never the reason for a refusal: it is returned first."""
        try:
            await self._hold(tenant_id, item)
        except (WalletExhausted, BudgetExhausted):
            if not await self._leases.give_back(tenant_id):
                raise
            await self._hold(tenant_id, item.again())

    async def _hold(self, tenant_id: UUID, item: Item) -> None:
        self._batch(tenant_id).reserves.append(item)
        self._wake.set()
        try:
            await item.done
        except asyncio.CancelledError:
            if item.is_done:  # it was held in the moment in which its caller left
                self._queue_close(tenant_id, Item.of(item.ref, 0))
            raise
        self._holding.add(item.ref)

    def _batch(self, tenant_id: UUID) -> Batch:
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="ledger writer")
        self._idle.clear()
        return self._waiting.setdefault(tenant_id, Batch())

    async def _close(self, tenant_id: UUID, item: Item) -> int:
        self._queue_close(tenant_id, item)
        return await item.done

    def _queue_close(self, tenant_id: UUID, item: Item) -> None:
        self._holding.discard(item.ref)
        self._batch(tenant_id).closes.append(item)
        self._wake.set()

    async def _write(self) -> None:
        """Write until cancelled. What was taken up stays in memory until it is committed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._taken, self._waiting = self._waiting, {}
            if self._taken:
                outcomes = await self._commit(self._taken)
                self._give_back(self._taken, outcomes)
                for item, outcome in outcomes.items():
                    item.answer(outcome)
                self._taken = {}
            if not self._waiting:
                self._idle.set()

    async def _commit(self, taken: dict[UUID, Batch]) -> Outcomes:
        """Write all of it, however long the database is away."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._together(taken)
            except UNWRITABLE as failure:  # whatever one item has brought, the writer goes on for all others
                if not (isinstance(failure, FAILURES) and self._connection.lost):
                    log.exception("a batch cannot be written together")
                    break
                log.warning("the ledger waits for the database: %s", type(failure).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        outcomes: Outcomes = {}
        for tenant_id, batch in taken.items():
            for single in batch.singly():
                outcomes |= await self._alone(tenant_id, single)
        return outcomes

    async def _together(self, taken: dict[UUID, Batch]) -> Outcomes:
        """One transaction for all tenants, in the order of their ids, so that two writers never wait in a ring."""
        outcomes: Outcomes = {}
        async with self._connection.transaction() as tx:
            for tenant_id in sorted(taken):
                await tx.enter(tenant_id)
                outcomes |= await _write_batch(tx, tenant_id, taken[tenant_id])
        return outcomes

    async def _alone(self, tenant_id: UUID, single: Batch) -> Outcomes:
        """One item that may be the one that spoilt the batch: it has its own transaction, and its own failure."""
        item = (single.closes or single.reserves)[0]
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._together({tenant_id: single})
            except AlreadyThere:
                return {item: 0}  # it was written before its connection was lost
            except UNWRITABLE as failure:  # its own failure, whatever it is
                lost = isinstance(failure, FAILURES) and self._connection.lost
                if not (lost or isinstance(failure, PASSING)):
                    log.exception("the ledger cannot write an entry of %s", tenant_id)
                    return {item: failure}
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _give_back(self, taken: dict[UUID, Batch], outcomes: Outcomes) -> None:
        """Release what was held for callers who have left in the meantime."""
        for tenant_id, batch in taken.items():
            for item in batch.reserves:
                if item.done.cancelled() and not isinstance(outcomes[item], Exception):
                    self._queue_close(tenant_id, Item.of(item.ref, 0))


async def _write_batch(tx: DirectTx, tenant_id: UUID, batch: Batch) -> Outcomes:
    """One tenant's batch: closes first (see `statements`), then reserves."""
    outcomes: Outcomes = {}
    if batch.closes:
        outcomes |= await _write_closes(tx, tenant_id, batch.closes)
    if batch.reserves:
        outcomes |= await _write_reserves(tx, tenant_id, batch.reserves)
    return outcomes


async def _write_closes(tx: DirectTx, tenant_id: UUID, items: list[Item]) -> Outcomes:
    rows = await tx.fetch(statements.CLOSE, tenant_id, _lines(items))
    charged = {row["ref"]: int(row["charge"]) for row in rows}
    late = [item for item in items if item.ref not in charged and item.usage is not None]
    if late:
        await tx.fetch(statements.LATE, tenant_id, _lines(late))
        rows = await tx.fetch(statements.RECORDED, tenant_id, [item.ref for item in late])
        charged |= {row["ref"]: int(row["charge"]) for row in rows}
    return {item: charged.get(item.ref, 0) for item in items}


async def _write_reserves(tx: DirectTx, tenant_id: UUID, items: list[Item]) -> Outcomes:
    """Hold for all; where that is more than there is, or a key has a budget, for those that fit, first come first served."""
    budgeted = any(item.is_budgeted for item in items)
    if not budgeted and await _hold_all(tx, tenant_id, items):
        return dict.fromkeys(items, 0)
    rows = await tx.fetch(statements.AVAILABLE, tenant_id, clock.now())
    room = Room(rows[0]["available"], rows[0]["budget"]) if rows else Room(0)
    used = await _used(tx, tenant_id, items) if budgeted else {}
    fitting, refused = first_that_fit(items, room, used)
    if fitting:
        await _hold_all(tx, tenant_id, fitting)
    return {**refused, **dict.fromkeys(fitting, 0)}


async def _used(tx: DirectTx, tenant_id: UUID, items: list[Item]) -> dict[tuple[UUID, date], int]:
    """What the keys and end users of these items have spent and hold, by their ids and month."""
    ids = [item.key.key_id for item in items if item.key is not None]
    ids += [item.end_user.tag for item in items if item.end_user is not None]
    rows = await tx.fetch(statements.USED, tenant_id, ids, min(month_of(item.ref) for item in items))
    return {(row["id"], row["month_on"]): int(row["used"]) for row in rows}


async def _hold_all(tx: DirectTx, tenant_id: UUID, items: list[Item]) -> bool:
    total = sum(item.amount for item in items)
    return bool(await tx.fetch(statements.RESERVE, tenant_id, _lines(items), total, clock.now()))


def _lines(items: Sequence[Item]) -> str:
    return msgspec.json.encode([item.line for item in items]).decode()
