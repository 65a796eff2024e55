"""Leaving, measured: how fast a closed workspace is silent on two nodes under load, and what erasing a million messages costs.

Two processes' worth of services (two key rings, two live buses) answer calls and hold streams while the workspace is closed;
the worst delay to the last accepted call and to the end of the last stream counts. Erasing is set beside a bare DELETE of
the same rows.
"""

import asyncio
import resource
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import func, select, text, update

from bench.figures import Figure, against, report
from callmissed.app.installation import Installation
from callmissed.app.wiring import wired
from callmissed.foundation import clock, doors
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.identity import KeyRing, erasing
from callmissed.identity.models import Closing, ClosingNotice
from callmissed.identity.repository import closing as closing_sql
from tests.support.closing import Firm, close, firm_at_work
from tests.support.installation import temporary_installation

ROUNDS = 20
CALLERS = 8
STREAMS = 25
MESSAGES = 1_000_000

FILL = text("""
INSERT INTO message (tenant_id, id, conversation_id, contact_id, ordinal, author, body, citations, price_micro, created_at)
SELECT tenant_id, uuidv7(), conversation_id, contact_id, 100 + n, 'contact', decode(repeat('ab', 120), 'hex'), '[]', 0, now()
FROM (SELECT * FROM message WHERE tenant_id = :tenant LIMIT 1) AS first, generate_series(1, :count) AS n""")


@asynccontextmanager
async def nodes(installation: Installation, count: int) -> AsyncGenerator[list[Services]]:
    """So many nodes over one installation, each with its own pool, key ring and live news."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(wired(installation)) for _ in range(count)]


async def call_until_refused(node: Services, secret: str, accepted: list[float]) -> None:
    """Call as fast as the node answers; note the time of each accepted call."""
    ring = node.get(KeyRing)
    while True:
        try:
            await ring.resolve(secret)
        except Problem:
            return
        accepted.append(time.perf_counter())
        await asyncio.sleep(0)


async def hold(node: Services, firm: Firm, ended: list[float]) -> None:
    """Hold a stream open until it ends; note when."""
    async for _ in node.live.listen("bench", bound_to=firm.owner.bound_to):
        pass
    ended.append(time.perf_counter())


async def silence(both: list[Services]) -> tuple[float, float]:
    """Milliseconds from the closing's commit to the last accepted call and to the end of the last stream."""
    firm = await firm_at_work(both[0])
    accepted: list[float] = []
    ended: list[float] = []
    work = [asyncio.create_task(hold(node, firm, ended)) for node in both for _ in range(STREAMS)]
    work += [
        asyncio.create_task(call_until_refused(node, firm.secret, accepted))
        for node in both
        for _ in range(CALLERS)
    ]
    await asyncio.sleep(0.2)
    await close(both[0], firm.owner)
    closed = time.perf_counter()
    await asyncio.gather(*work)
    return (max(accepted) - closed) * 1000, (max(ended) - closed) * 1000


async def erasure(node: Services) -> tuple[float, float, float]:
    """Seconds to erase a tenant with a million messages, seconds of a bare DELETE of as many, and megabytes more in memory."""
    bare, firm = await firm_at_work(node), await firm_at_work(node)
    for each in (bare, firm):
        async with node.db.tenant(each.owner) as tx:
            await tx.session.execute(FILL, {"tenant": each.tenant_id, "count": MESSAGES})
    began = time.perf_counter()
    async with node.db.tenant(bare.owner) as tx:
        await tx.session.execute(
            text("DELETE FROM message WHERE tenant_id = :tenant"), {"tenant": bare.tenant_id}
        )
    reference = time.perf_counter() - began
    closing = await close(node, firm.owner)
    async with node.db.control() as tx:
        await tx.session.execute(
            update(ClosingNotice).where(ClosingNotice.closing_id == closing.id).values(sent_at=clock.now())
        )
        await tx.session.execute(update(Closing).where(Closing.id == closing.id).values(ends_at=clock.now()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    assert await erasing.erase(node, closing.id)
    seconds = time.perf_counter() - began
    async with node.db.control() as tx:
        removed = {step.store: step.removed for step in await closing_sql.steps(tx, closing.id)}
        assert await doors.is_closed(tx, firm.tenant_id)
        assert await tx.session.scalar(select(func.count()).select_from(doors.ClosedTenant))
    assert removed["message"] > MESSAGES
    return seconds, reference, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


async def measure(installation: Installation) -> list[Figure]:
    """All figures."""
    async with nodes(installation, 2) as both:
        rounds = [await silence(both) for _ in range(ROUNDS)]
        calls, streams = max(each[0] for each in rounds), max(each[1] for each in rounds)
        seconds, reference, megabytes = await erasure(both[0])
    assert calls < 1000, f"a key was accepted {calls:.0f} ms after its workspace was closed"
    assert streams < 1000, f"a stream lived on for {streams:.0f} ms after its workspace was closed"
    return [
        Figure("worst delay from closing to the last accepted call", calls, "ms", 1000),
        Figure("worst delay from closing to the end of the last stream", streams, "ms", 1000),
        against("erasing a tenant with 1,000,000 messages", seconds, "s", reference),
        Figure("memory that took", megabytes, "MB", 200),
    ]


def main() -> None:
    """Measure and report."""
    with temporary_installation() as installation:
        report("leaving", asyncio.run(measure(installation)))


if __name__ == "__main__":
    main()
