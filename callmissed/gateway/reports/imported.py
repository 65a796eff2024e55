"""Reports of suppliers that no program can ask: a CSV with date, model, requests, tokens_in and tokens_out."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Final

from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway.register import Upstreams
from callmissed.gateway.reports.comparing import metered, write
from callmissed.gateway.reports.reading import Told

COLUMNS: Final = ("date", "model", "requests", "tokens_in", "tokens_out")
MOST_LINES: Final = 50_000
LARGEST_COUNT: Final = 2**53


class ReportFileWrong(Problem):
    """The file is no report: a CSV with the columns date (2026-11-30, in UTC), model, requests, tokens_in and tokens_out."""

    status = 422
    code = "report_file_wrong"


async def import_file(services: Services, upstream: str, content: str) -> list[date]:
    """Compare every day of a file; the days. Nothing is written when any line is wrong. Raises ReportFileWrong, UpstreamUnknown."""
    served = services.get(Upstreams).served(upstream)
    days: dict[date, list[Told]] = defaultdict(list[Told])
    for day, told in _lines(content):
        days[day].append(told)
    if not days:
        raise ReportFileWrong
    async with services.verifier.control() as verifier:
        ours = {day: await metered(verifier, upstream, day, served) for day in days}
    async with services.db.control() as tx:
        for day, theirs in sorted(days.items()):
            await write(tx, upstream, day, ours[day], theirs, served.values())
    return sorted(days)


def _lines(content: str) -> Iterator[tuple[date, Told]]:
    reader = csv.DictReader(io.StringIO(content.removeprefix("\ufeff")))
    try:
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise ReportFileWrong
        for number, line in enumerate(reader, 2):
            if number > MOST_LINES:
                raise ReportFileWrong(lines=MOST_LINES)
            yield _line(number, line)
    except csv.Error:
        raise ReportFileWrong from None


def _line(number: int, line: dict[str, str]) -> tuple[date, Told]:
    try:
        day = date.fromisoformat(line["date"].strip())
        requests, read, written = (int(line[name]) for name in COLUMNS[2:])
    except (ValueError, TypeError, AttributeError):
        raise ReportFileWrong(line=number) from None
    if not all(0 <= each <= LARGEST_COUNT for each in (requests, read, written)):
        raise ReportFileWrong(line=number)
    return day, Told(line["model"].strip(), requests, read, written)
