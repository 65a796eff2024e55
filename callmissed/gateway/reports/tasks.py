"""Asking suppliers: once a day, a day each; the question is written down before it leaves, and the answer after it came."""

import logging
from datetime import date, timedelta
from typing import Final

from callmissed.foundation import clock, jobs
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway.register import Upstreams
from callmissed.gateway.reports import comparing
from callmissed.gateway.reports.sources import Reports

log = logging.getLogger(__name__)

COMPARE: Final = "gateway.reports.compare"
DAYS: Final = 3
"""So many days are asked for again: suppliers add what they counted late."""


@jobs.every("40 9 * * *", "gateway.reports.ask")
async def ask(services: Services) -> None:
    """Have every supplier asked for the last days that are over in UTC. Once a day."""
    today = clock.now().date()
    async with services.db.control() as tx:
        for upstream in services.get(Reports).sources:
            for back in range(1, DAYS + 1):
                day = today - timedelta(days=back)
                await comparing.want(tx, upstream, day)
                await jobs.defer(
                    tx, COMPARE, upstream=upstream, day=day.isoformat(), lock=f"report {upstream}"
                )


@jobs.task(COMPARE)
async def compare(services: Services, *, upstream: str, day: str) -> None:
    """Ask one supplier for one day, and write down what both counted, or why nobody knows."""
    source, on = services.get(Reports).sources.get(upstream), date.fromisoformat(day)
    if source is None:  # it stands in the file no more
        return
    try:
        theirs = await source.told(on)
    except Problem as problem:
        log.warning("a supplier's report cannot be had: %s", problem.code)
        async with services.db.control() as tx:
            await comparing.fail(tx, upstream, on, problem.code)
        return
    served = services.get(Upstreams).served(upstream)
    async with services.verifier.control() as verifier:
        ours = await comparing.metered(verifier, upstream, on, served)
    async with services.db.control() as tx:
        await comparing.write(tx, upstream, on, ours, theirs, served.values())
