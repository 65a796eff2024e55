"""Findings on the data map: tables whose rows leave before law lets them go, and tables that outlive their promise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Table

from callmissed.foundation import datamap
from callmissed.privacy.law import (
    SEALED_ON_LEAVING,
    Anchor,
    Law,
    Statutes,
    Term,
    binding,
    classes_of_table,
    term_of,
)
from callmissed.privacy.lint.rules import Conflict
from callmissed.privacy.promises.keeping import LIMIT_DAYS

MOST_DAYS = {"keep.usage-logs": LIMIT_DAYS}
"""Promises that name a number of days; no table that lives by one may be kept longer."""


class MapWrong(ValueError):
    """The data map contradicts the promise a table lives by. The message names the table and the cure."""


@dataclass(frozen=True, slots=True)
class Early:
    """Rows of a table leave before a row of law lets them go."""

    table: str
    term: Term
    law: Law


def check_map() -> None:
    """Refuse a table that is kept for longer than the promise it lives by. Raises MapWrong."""
    for table in datamap.tables():
        keep = table.info["row"].__keep__
        most = MOST_DAYS.get(keep.promise)
        if most is not None and (keep.days or most) > most:
            reason = (
                f"table {table.name} is kept for {keep.days} days and lives by {keep.promise}, which promises {most} at most:"
                " shorten __keep__, or let it live by another promise"
            )
            raise MapWrong(reason)


def early(on: date, law: Statutes, conditions: frozenset[str] = frozenset()) -> Iterator[Early]:
    """Every table and row of law, in force on that day or later, where the table's term is the shorter.

    Only terms that count from the same event can be held against each other.
    """
    rows = [row for row in binding(law.rows, conditions) if row.bound == "keep" and row.ends > on]
    for table in datamap.tables():
        yield from _early(table, rows, law)


def _early(table: Table, rows: Sequence[Law], law: Statutes) -> Iterator[Early]:
    term = term_of(table.info["row"].__keep__, law.rows)
    if term is None:
        return
    classes = classes_of_table(table) - SEALED_ON_LEAVING
    for row in rows:
        # An event that ends the purpose may come on the day the row was made.
        comparable = row.anchor is term.anchor or (
            term.anchor is Anchor.PURPOSE_ENDED and row.anchor is Anchor.PROCESSED
        )
        if row.classes & classes and comparable and term.period.about_days < row.period.about_days:
            yield Early(table.name, term, row)


def map_findings(on: date, law: Statutes, conditions: frozenset[str] = frozenset()) -> list[Conflict]:
    """One finding for each row of law that some table does not wait for, with those tables."""
    by_law: dict[str, list[Early]] = {}
    for each in early(on, law, conditions):
        by_law.setdefault(each.law.id, []).append(each)
    return [_finding(found[0].law, found, on) for found in by_law.values()]


def _finding(row: Law, found: Sequence[Early], on: date) -> Conflict:
    terms = {each.table: each.term for each in found}
    shortest = min(found, key=lambda each: each.term.period.about_days)
    return Conflict(
        id=f"map.{row.id}",
        also=(),
        clause="§5",
        says=f"Rows of {len(terms)} table(s) go earlier, the first after {shortest.term}.",
        why=f"{row.says} It counts {row.period} from {row.anchor}.",
        cure="Seal what the row of law names on the day it leaves the product, or keep it longer.",
        law=(row,),
        since=row.commences,
        in_force=row.commences <= on,
        tables=tuple(terms),
    )
