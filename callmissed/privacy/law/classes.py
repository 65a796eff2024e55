"""What law calls the things we hold: the classes of each column, and the bounds that each table's rows stand under."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Table

from callmissed.foundation import datamap
from callmissed.foundation.datamap import Category, Entry, Keep, Whose
from callmissed.privacy.law.periods import Period, annual_return_due, financial_year_end
from callmissed.privacy.law.rows import Anchor, DataClass, Law
from callmissed.privacy.law.solver import Bound

BY_CATEGORY: Mapping[Category, frozenset[DataClass]] = {
    Category.ACCOUNT: frozenset({DataClass.PERSONAL_DATA}),
    Category.CONTACT_POINT: frozenset({DataClass.PERSONAL_DATA}),
    Category.CONTENT: frozenset({DataClass.PERSONAL_DATA}),
    Category.PAYMENT: frozenset({DataClass.PERSONAL_DATA, DataClass.BOOKS}),
    Category.USAGE: frozenset({DataClass.TRAFFIC}),
    Category.DEVICE: frozenset({DataClass.TRAFFIC}),
    Category.PSEUDONYM: frozenset({DataClass.TRAFFIC}),
}
"""Classes of a personal column by its category. A pseudonym says nothing by itself: it is traffic data of whom it stands for."""

BY_PROMISE: Mapping[str, frozenset[DataClass]] = {
    "keep.usage-logs": frozenset({DataClass.TRAFFIC}),
    "keep.security-logs": frozenset({DataClass.SYSTEM_LOG, DataClass.ACCESS_LOG}),
    "keep.audit": frozenset({DataClass.ACCESS_LOG}),
    "keep.payments": frozenset({DataClass.BOOKS}),
}
"""Classes of every column of the tables that live by a promise, whatever it holds."""

SEALED_ON_LEAVING = frozenset({DataClass.REGISTRATION})
"""Classes of which the remainder is sealed when the product lets go of them (`privacy/sealed`): law has what it asks for."""

IDENTIFYING = frozenset({Category.ACCOUNT, Category.CONTACT_POINT})
RECOVERY = Period(days=30)
"""Policy §5: after a deletion request there are 30 days in which it can be undone."""
FOREVER = "the installation ends"


@dataclass(frozen=True, slots=True)
class Term:
    """How long the policy says that rows of a table live: a period from an event, under a promise."""

    promise: str
    period: Period
    anchor: Anchor

    def __str__(self) -> str:
        """As a reader is told: "90 days from processed_at"."""
        return f"{self.period} from {self.anchor}"


def classes_of(entry: Entry) -> frozenset[DataClass]:
    """The classes of one column."""
    found = BY_PROMISE.get(entry.keep.promise, frozenset())
    if entry.holds.is_personal:
        found |= BY_CATEGORY.get(entry.holds.category, frozenset())
        registered = entry.holds.whose is Whose.USER and entry.keep.promise == "keep.deleted-account"
        if registered and entry.holds.category in IDENTIFYING:
            found |= {DataClass.REGISTRATION}
    return found


def classes_of_table(table: Table) -> frozenset[DataClass]:
    """The classes of a table: of all its columns together."""
    return frozenset(
        each for entry in datamap.entries() if entry.table == table.name for each in classes_of(entry)
    )


def term_of(keep: Keep, rows: Iterable[Law]) -> Term | None:
    """How long the policy says that rows live; None where they live as long as the installation.

    Books of account live exactly as long as the longest law on them asks (Policy §5, Payment and tax records).
    """
    if keep.days is not None:
        return Term(keep.promise, Period(days=keep.days), Anchor.PROCESSED)
    if keep.promise == "keep.payments":
        longest = max(
            (row for row in rows if row.bound == "keep" and DataClass.BOOKS in row.classes),
            key=lambda row: _end(row, date(2000, 1, 1)),
            default=None,
        )
        return Term(keep.promise, longest.period, longest.anchor) if longest else None
    if (keep.until or "").startswith(FOREVER):
        return None
    if keep.promise == "keep.deleted-account":
        return Term(keep.promise, RECOVERY, Anchor.CANCELLED)
    return Term(keep.promise, Period(), Anchor.PURPOSE_ENDED)


def _end(row: Law, processed: date) -> date:
    return row.period.last_day(anchors_of(processed)[row.anchor])


def anchors_of(processed: date, **events: date) -> dict[Anchor, date]:
    """The days that periods count from, for a row made on one day; `events` as `cancelled_at=…` where they have happened."""
    return {
        Anchor.PROCESSED: processed,
        Anchor.FINANCIAL_YEAR_END: financial_year_end(processed),
        Anchor.ANNUAL_RETURN_DUE: annual_return_due(processed),
        **{Anchor(name): day for name, day in events.items()},
    }


def bounds(
    term: Term | None, classes: frozenset[DataClass], rows: Sequence[Law], anchors: Mapping[Anchor, date]
) -> list[Bound]:
    """The bounds of one row: its term and every row of law on its classes whose event has happened."""
    found: list[Bound] = []
    if term is not None and term.anchor in anchors:
        found.append(Bound(term.promise, "delete", term.period.last_day(anchors[term.anchor])))
    for row in rows:
        if row.classes & classes and row.anchor in anchors:
            end = row.period.last_day(anchors[row.anchor])
            found.append(Bound(row.id, row.bound, end, row.commences, row.ends))
    return found
