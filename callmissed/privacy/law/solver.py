"""The retention solver: when a row leaves the product, and when it is erased.

Each row stands under bounds. A bound to *delete* owes its erasure once its last day is over: what the policy promises, what
law caps. A bound to *keep* forbids it through its last day: a statutory minimum, a legal hold. Every bound has the days on
which it is in force. The order in which they win is hold > statutory minimum > longest keep > shortest delete:

- the row is **hidden** (leaves everything that a person, a tenant or the product can see) on the first day on which any
  bound to delete owes it; law that makes us keep it longer does not keep it in sight;
- it is **erased** on the first day from then on that no bound to keep forbids. In between it lies sealed.

An erasure once owed stays owed, though the law behind it ends meanwhile. Days are days in India.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

ONE_DAY = timedelta(days=1)
BEGINNING = date.min
END = date.max


@dataclass(frozen=True, slots=True)
class Bound:
    """What one source says of one row. `end` is the last day of its period; it is in force on the days from `since` up to,
    not including, `until`. `source` is the id of a promise, of a row of law, or of a hold.
    """

    source: str
    kind: Literal["keep", "delete"]
    end: date
    since: date = BEGINNING
    until: date = END

    @property
    def owes_from(self) -> date | None:
        """The first day on which a bound to delete owes the erasure; None if it is out of force by then."""
        first = max(self.since, after(self.end))
        return first if first < self.until else None

    @property
    def free_from(self) -> date:
        """The first day on which a bound to keep forbids nothing any more."""
        return max(self.since, min(self.until, after(self.end)))


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a row: the day it is hidden, the day it is erased, and who says so. None: on no day yet in sight.

    `owed_by` are the bounds that hide it on that day; `kept_by` those that then keep it from being erased, in the order in
    which they let go.
    """

    hidden_on: date | None
    erased_on: date | None
    owed_by: tuple[str, ...] = ()
    kept_by: tuple[str, ...] = ()

    @property
    def sealed(self) -> bool:
        """Whether it lies sealed for a while: out of the product, kept for law or a hold."""
        return self.hidden_on is not None and self.hidden_on != self.erased_on


def after(day: date) -> date:
    """The day after; the last day there is has none."""
    return day if day >= END else day + ONE_DAY


def decide(bounds: Iterable[Bound], start: date = BEGINNING) -> Decision:
    """What becomes of a row under these bounds, seen from the day `start` on."""
    keeps: list[Bound] = []
    owed: list[tuple[date, Bound]] = []
    for bound in bounds:
        if bound.kind == "keep":
            keeps.append(bound)
        elif (first := bound.owes_from) is not None:
            owed.append((max(first, start), bound))
    if not owed:
        return Decision(None, None)
    hidden = min(day for day, _ in owed)
    owed_by = tuple(bound.source for day, bound in owed if day == hidden)
    if hidden >= END:
        return Decision(None, None)
    erased, kept_by = _first_free(keeps, hidden)
    return Decision(hidden, None if erased >= END else erased, owed_by, kept_by)


def _first_free(keeps: Sequence[Bound], day: date) -> tuple[date, tuple[str, ...]]:
    """The first day from `day` on that nothing forbids, and what forbade the days before."""
    forbade: list[str] = []
    for bound in sorted(keeps, key=lambda each: each.since):
        if bound.since <= day < bound.free_from:
            forbade.append(bound.source)
            day = bound.free_from
    return day, tuple(forbade)
