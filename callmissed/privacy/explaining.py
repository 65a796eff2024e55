"""What a column holds, why, whose it is, how long and under which rule, today and under each law that is already known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Entry, Whose
from callmissed.foundation.problems import Problem
from callmissed.privacy.law import (
    DataClass,
    Decision,
    Law,
    Statutes,
    Term,
    anchors_of,
    binding,
    bounds,
    classes_of,
    decide,
    term_of,
)
from callmissed.privacy.notice import GROUNDS, PURPOSES

ROLES = {
    Whose.USER: "of people with an account; we are the fiduciary",
    Whose.CONTACT: "of the customers of a business; we are its processor",
    Whose.NOBODY: "of nobody",
}


class UnknownColumn(Problem):
    """There is no such column. Write it as table.column; docs/tables.md lists them all."""

    status = 404
    code = "unknown_column"


@dataclass(frozen=True, slots=True)
class Regime:
    """What becomes of a row made on the day `since`, if the event that its term counts from comes on that same day.

    `law` are the rows that keep it beyond its term, in the order in which they let go.
    """

    since: date
    decision: Decision
    law: tuple[Law, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """One column of the data map in words. `regimes` has today first, then each day on which known law changes its fate."""

    entry: Entry
    classes: tuple[str, ...]
    term: Term | None
    regimes: tuple[Regime, ...]


def explain(name: str, on: date, law: Statutes, conditions: frozenset[str] = frozenset()) -> Explained:
    """The column of that name ("table.column"). Raises UnknownColumn."""
    entry = next((each for each in datamap.entries() if f"{each.table}.{each.column}" == name), None)
    if entry is None:
        raise UnknownColumn(asked=name)
    rows = binding(law.rows, conditions)
    classes, term = classes_of(entry), term_of(entry.keep, law.rows)
    about = [row for row in rows if row.classes & classes]
    days = {on} | {day for row in about for day in (row.commences, row.ends) if on < day < date.max}
    regimes = [_regime(day, term, classes, rows) for day in sorted(days)]
    return Explained(entry, tuple(sorted(classes)), term, tuple(_changes(regimes)))


def _regime(day: date, term: Term | None, classes: frozenset[DataClass], rows: Sequence[Law]) -> Regime:
    anchors = anchors_of(day)
    if term is not None:
        anchors.setdefault(term.anchor, day)
    decision = decide(bounds(term, classes, rows, anchors) if term else [])
    by_id = {row.id: row for row in rows}
    return Regime(day, decision, tuple(by_id[each] for each in decision.kept_by))


def _changes(regimes: Sequence[Regime]) -> list[Regime]:
    """Those that differ from the one before."""
    changed: list[Regime] = []
    for each in regimes:
        if not changed or changed[-1].law != each.law or _length(changed[-1]) != _length(each):
            changed.append(each)
    return changed


def _length(regime: Regime) -> int | None:
    hidden = regime.decision.hidden_on
    return None if hidden is None else (hidden - regime.since).days


def told(found: Explained) -> list[str]:
    """The lines of a terminal."""
    holds, keep = found.entry.holds, found.entry.keep
    purposes = ", ".join(PURPOSES.get(each, each) for each in holds.purposes)
    lines = [
        f"{found.entry.table}.{found.entry.column}: {holds.what}",
        f"  whose     {ROLES[holds.whose]}",
        f"  kind      {holds.category}{' (sealed under the person’s own key)' if found.entry.sealed else ''}",
        f"  what for  {purposes or 'the working of the installation'}",
        f"  ground    {GROUNDS.get(holds.ground, holds.ground) or 'none needed: it holds no personal data'}",
        f"  law calls it  {', '.join(found.classes) or 'nothing in particular'}",
        f"  promise   {keep.promise}: {keep.until or found.term}",
    ]
    for number, regime in enumerate(found.regimes):
        lines += _told(regime, found.term, first=number == 0)
    return lines


def _told(regime: Regime, term: Term | None, *, first: bool) -> list[str]:
    head = f"  today, {regime.since}" if first else f"  from {regime.since}"
    if term is None or regime.decision.hidden_on is None:
        return [f"{head}: kept as long as the installation"]
    lines = [f"{head}: leaves the product {term}"]
    lines += [f"      then sealed for {row.period} from {row.anchor}: {row.citation}" for row in regime.law]
    if not regime.law:
        lines.append("      and is erased the same day: no law in force keeps it longer")
    return lines
