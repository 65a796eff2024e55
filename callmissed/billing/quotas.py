"""How many calls a workspace may make with its keys in a month, as its plan allows. The month is that of the Indian calendar.

A process counts in memory from what the database said last, and asks it again after a while: several processes can together pass
the last call by what each has not heard of the others, never by more than a few minutes' worth.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import Final
from uuid import UUID

from sqlalchemy import text

from callmissed.billing.plans import Plan
from callmissed.billing.problems import PlanUsedUp
from callmissed.foundation import clock
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.tenancy import Access

FRESH_SECONDS: Final = 300.0
FULL_SECONDS: Final = 5.0
"""For so long a count that refused somebody refuses others."""
MOST_KNOWN: Final = 100_000
AT_ONCE: Final = 2

COUNT: Final = """
SELECT count(*) FROM usage_record
WHERE tenant_id = :tenant AND at >= :since AND key_id IS NOT NULL AND status <> 'failed'
"""


@dataclass(slots=True)
class _Count:
    month: date
    used: int
    at: float
    full_until: float = 0.0
    asking: "asyncio.Task[None] | None" = None


class Quotas:
    """Counts the calls of this process's tenants. One per process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[UUID, _Count] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._asking: set[asyncio.Task[None]] = set()

    async def take(self, tenant_id: UUID, plan: Plan) -> None:
        """Count a call. Raises PlanUsedUp when the plan allows no more this month."""
        if plan.calls is None:
            return
        month, now = clock.today().replace(day=1), time.monotonic()
        known = self._known.get(tenant_id)
        if known is None or known.month != month:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[tenant_id] = _Count(month, 0, now - FRESH_SECONDS)
        if known.used >= plan.calls and now >= known.full_until:
            await asyncio.shield(self._asked(tenant_id, known))  # nobody is refused by what is only believed
            if known.used >= plan.calls:
                known.full_until = now + FULL_SECONDS
        elif now - known.at >= FRESH_SECONDS:
            self._asked(tenant_id, known)
        if known.used >= plan.calls:
            raise PlanUsedUp(retry_after=seconds_until_next_month())
        known.used += 1

    async def stop(self) -> None:
        """Finish what is being counted."""
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _asked(self, tenant_id: UUID, known: _Count) -> "asyncio.Task[None]":
        """The count that is under way for this tenant, or a new one."""
        if known.asking is None:
            known.asking = asyncio.create_task(self._ask(tenant_id, known, known.used), name="calls counted")
            self._asking.add(known.asking)
            known.asking.add_done_callback(self._asking.discard)
        return known.asking

    async def _ask(self, tenant_id: UUID, known: _Count, before: int) -> None:
        """Count anew, and what was taken since it was `before`."""
        try:
            async with self._turn, self._db.tenant(Access.system(tenant_id)) as tx:
                counted = await calls_this_month(tx)
            known.used, known.at = counted + known.used - before, time.monotonic()
        finally:
            known.asking = None


async def calls_this_month(tx: Tx) -> int:
    """The calls that the tenant's keys have made this month. What failed does not count."""
    since = datetime.combine(clock.today().replace(day=1), clock_time(), clock.IST)
    return int((await tx.session.execute(text(COUNT), {"tenant": tx.tenant_id, "since": since})).scalar_one())


def seconds_until_next_month() -> int:
    """Until the first of the next month begins in India."""
    first = (clock.today().replace(day=1) + timedelta(days=32)).replace(day=1)
    return int((datetime.combine(first, clock_time(), clock.IST) - clock.now()).total_seconds()) + 1
