"""Running the checks, and keeping what they found: the latest verdict, one dot a day, a leaf for every change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, text
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.privacy.facts import Facts
from callmissed.privacy.models import PromiseDay, PromiseVerdict
from callmissed.privacy.promises import promises
from callmissed.privacy.promises.engine import Finding, Look, Probes, Promise, examine

ONE_KEEPER = 2_034_771_193
"""Number of the advisory lock under which findings are kept: two processes that checked at once write one after the other."""

SLACK = timedelta(seconds=10)
"""A job that starts a moment early is still on time."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the check of one promise found, and when."""

    promise: Promise
    finding: Finding
    checked_at: datetime

    def as_json(self) -> dict[str, Any]:
        """For programs: id, clause ("§5"), verdict ("kept", "broken", "unknown"), figures, and the time in UTC."""
        return {
            "id": self.promise.id,
            "clause": self.promise.clause,
            "verdict": self.finding.verdict,
            "figures": self.finding.figures,
            "checked_at": self.checked_at.isoformat(timespec="seconds"),
        }


async def check_all(services: Services, only: Iterable[Promise] | None = None) -> list[Result]:
    """Check these promises, all by default, on the live installation, and return what was found. Keeps nothing.

    Probes are asked first; the checks then read as the verifier role in one transaction that cannot write.
    """
    chosen = tuple(promises() if only is None else only)
    answers = await services.get(Probes).answers(name for each in chosen for name in each.asks)
    results: list[Result] = []
    async with services.verifier.engine.connect() as connection, connection.begin():
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        look = Look(connection, services.get(Facts), answers)
        for each in chosen:
            results.append(Result(each, await examine(each, look), clock.now()))  # noqa: PERF401 - one after another
    return results


async def check_due(services: Services) -> list[Result]:
    """Check the promises whose time has come, and keep what was found."""
    async with services.db.control() as tx:
        rows = await tx.session.execute(select(PromiseVerdict.promise, PromiseVerdict.checked_at))
        last = {name: at for name, at in rows}  # noqa: C416 - rows are not pairs to the checker
    due = [
        each
        for each in promises()
        if each.check
        and (
            each.id not in last
            or last[each.id] + timedelta(minutes=each.every_minutes) - SLACK <= clock.now()
        )
    ]
    results = await check_all(services, due)
    await keep_results(services, results)
    return results


async def keep_results(services: Services, results: Sequence[Result]) -> None:
    """Store verdicts and dots, and write a leaf for each verdict that is new or has changed."""
    async with services.db.control() as tx:
        await tx.session.execute(select(func.pg_advisory_xact_lock(ONE_KEEPER)))
        stored = {row.promise: row for row in await tx.session.scalars(select(PromiseVerdict))}
        for result in results:
            if result.promise.check is not None:
                await _keep(tx, result, stored.get(result.promise.id))
                await _add_dot(tx, result)


async def _keep(tx: Tx, result: Result, row: PromiseVerdict | None) -> None:
    if row is None:
        row = PromiseVerdict(id=uuid7(), promise=result.promise.id, verdict="")
    if row.verdict != result.finding.verdict:
        row.leaf_id = await _write_down(tx, result, row)
        row.since = result.checked_at
    found = result.finding
    row.verdict, row.headline, row.figures = found.verdict, found.headline, found.figures
    row.evidence = {
        "looked_at": found.looked_at,
        "query": found.query,
        "found": found.found,
        "explanation": found.explanation,
    }
    row.checked_at = result.checked_at
    tx.session.add(row)


async def _write_down(tx: Tx, result: Result, row: PromiseVerdict) -> UUID:
    """The leaf of a verdict that changed; figures as text, because a record holds no fractions."""
    body = {
        "promise": result.promise.id,
        "before": row.verdict or None,
        "headline": result.finding.headline,
        "figures": {name: str(value) for name, value in result.finding.figures.items()},
    }
    return await audit.record(tx, f"privacy:promise:{result.finding.verdict}", target=row.id, body=body)


WORST = {"kept": 0, "unknown": 1, "broken": 2}


async def _add_dot(tx: Tx, result: Result) -> None:
    """Count the check to its day in India, whose verdict is the worst of all."""
    day = result.checked_at.astimezone(clock.IST).date()
    query = insert(PromiseDay).values(
        id=uuid7(), promise=result.promise.id, day=day, verdict=result.finding.verdict, checks=1
    )
    rank = case(WORST, value=PromiseDay.verdict)
    worse = case(WORST, value=query.excluded.verdict)
    changes = {
        "verdict": case((worse > rank, query.excluded.verdict), else_=PromiseDay.verdict),
        "checks": PromiseDay.checks + 1,
    }
    await tx.session.execute(query.on_conflict_do_update(index_elements=["promise", "day"], set_=changes))


@dataclass(frozen=True, slots=True)
class Tally:
    """How many promises have which verdict now; one that nothing checks yet counts as *cannot tell*."""

    kept: int
    broken: int
    unknown: int


async def tally(tx: Tx) -> Tally:
    """The counts, from what the last checks found."""
    query = select(PromiseVerdict.verdict, func.count()).group_by(PromiseVerdict.verdict)
    counts = {verdict: count for verdict, count in await tx.session.execute(query)}  # noqa: C416 - rows are not pairs to the checker
    kept, broken = counts.get("kept", 0), counts.get("broken", 0)
    return Tally(kept, broken, len(promises()) - kept - broken)
