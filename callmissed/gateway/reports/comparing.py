"""Holding what suppliers told against what was metered, and keeping both."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.gateway.reports.models import SupplierReport
from callmissed.gateway.reports.reading import Told

TOLERATED: Final = 0.01
"""A share by which two counts of a day may differ: a call at midnight may stand in either day."""
SNAPSHOT: Final = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")
"""The date that suppliers add to the name of a model."""
LONGEST: Final = 100
SHOWN: Final = timedelta(days=30)
OURS: Final = text("""
SELECT model, count(*) AS requests, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out FROM usage_record
WHERE at >= :since AND at < :until AND upstream = :upstream AND NOT own_key AND status <> 'failed' AND unit IS NULL
  AND endpoint NOT IN ('embeddings', 'moderations')
GROUP BY model
""")


@dataclass(frozen=True, slots=True)
class Compared:
    """A line of a report: a figure, ours and theirs."""

    day: date
    upstream: str
    model: str
    figure: str
    ours: int
    theirs: int

    @property
    def share(self) -> float:
        """By how much of the greater one they differ."""
        return abs(self.ours - self.theirs) / max(self.ours, self.theirs, 1)


async def metered(verifier: Tx, upstream: str, day: date, served: Mapping[str, str]) -> list[Told]:
    """What was metered for a supplier on a day, by its own names for models. Needs the verifier's role: it is of all tenants."""
    since = datetime.combine(day, time.min, UTC)
    values = {"since": since, "until": since + timedelta(days=1), "upstream": upstream}
    rows = await verifier.session.execute(OURS, values)
    return [
        Told(served.get(row.model, row.model), row.requests, row.tokens_in, row.tokens_out) for row in rows
    ]


async def want(tx: Tx, upstream: str, day: date) -> None:
    """Write down that a day is asked for; what is known of it stays until it is told anew."""
    row = {"state": "asked", "problem": None, "at": clock.now()}
    statement = upsert(SupplierReport).values(day_on=day, upstream=upstream, model="", **row)
    await tx.session.execute(
        statement.on_conflict_do_update(index_elements=["day_on", "upstream", "model"], set_=row)
    )


async def fail(tx: Tx, upstream: str, day: date, problem: str) -> None:
    """Write down why a day was not told; what was known of it stays."""
    await want(tx, upstream, day)
    report = await tx.session.get_one(SupplierReport, (day, upstream, ""))
    report.state, report.problem = "failed", problem[:60]


async def write(
    tx: Tx, upstream: str, day: date, ours: Iterable[Told], theirs: Iterable[Told], served: Iterable[str]
) -> None:
    """Put what both counted on a day in place of what was known of it. A supplier that tells requests tells them of every model."""
    ours, theirs = list(ours), list(theirs)
    requests = 0 if any(each.requests is not None for each in theirs) else None
    names = frozenset(served)
    rows: dict[str, dict[str, Any]] = defaultdict(dict[str, Any])
    for who, told in (("ours", ours), ("theirs", theirs)):
        for each in told:
            _add(rows[_plain(each.model, names)], who, each)
    mine = (SupplierReport.day_on == day) & (SupplierReport.upstream == upstream)
    await tx.session.execute(delete(SupplierReport).where(mine))
    empty = {
        "ours_requests": 0,
        "ours_in": 0,
        "ours_out": 0,
        "theirs_requests": requests,
        "theirs_in": 0,
        "theirs_out": 0,
    }
    lines = [
        {
            **empty,
            **row,
            "model": model,
            "day_on": day,
            "upstream": upstream,
            "state": "told",
            "at": clock.now(),
        }
        for model, row in {**rows, "": {}}.items()
    ]
    await tx.session.execute(insert(SupplierReport), lines)


async def differences(tx: Tx, upstream: str | None = None, days: Collection[date] = ()) -> list[Compared]:
    """Figures that differ by more than is tolerated, newest first: of the last 30 days, or of these days of one upstream."""
    wanted = select(SupplierReport).where(SupplierReport.model != "")
    if upstream is None:
        wanted = wanted.where(SupplierReport.day_on >= clock.now().date() - SHOWN)
    else:
        wanted = wanted.where(SupplierReport.upstream == upstream, SupplierReport.day_on.in_(days))
    rows = await tx.session.scalars(
        wanted.order_by(SupplierReport.day_on.desc(), SupplierReport.upstream, SupplierReport.model)
    )
    return [each for row in rows for each in _lines(row) if each.share > TOLERATED]


async def states(tx: Tx) -> list[SupplierReport]:
    """How asking stands: the newest day of each supplier, of the last 30."""
    rows = await tx.session.scalars(
        select(SupplierReport)
        .where(SupplierReport.model == "", SupplierReport.day_on >= clock.now().date() - SHOWN)
        .order_by(SupplierReport.upstream, SupplierReport.day_on)
    )
    return list({row.upstream: row for row in rows}.values())


def _lines(row: SupplierReport) -> Iterable[Compared]:
    figures = (
        ("requests", row.ours_requests, row.theirs_requests),
        ("tokens read", row.ours_in, row.theirs_in),
        ("tokens written", row.ours_out, row.theirs_out),
    )
    for figure, ours, theirs in figures:
        if theirs is not None:
            yield Compared(row.day_on, row.upstream, row.model, figure, ours, theirs)


def _add(row: dict[str, Any], who: str, told: Told) -> None:
    row[f"{who}_in"] = row.get(f"{who}_in", 0) + told.tokens_in
    row[f"{who}_out"] = row.get(f"{who}_out", 0) + told.tokens_out
    if told.requests is not None:
        row[f"{who}_requests"] = (row.get(f"{who}_requests") or 0) + told.requests


def _plain(model: str, served: frozenset[str]) -> str:
    """A supplier's name for a model, without the date of the snapshot that it chose for us."""
    bare = model if model in served else SNAPSHOT.sub("", model)
    return bare[:LONGEST] or "?"
