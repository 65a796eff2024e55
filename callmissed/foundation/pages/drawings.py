"""Where things go in the hand-drawn SVGs: the templates draw, these functions measure.

Widths are SVG attributes because the content security policy allows no `style=`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from babel.dates import format_date

from callmissed.foundation import clock
from callmissed.foundation.i18n import language

STEP = 5.2
"""Distance between two dots of the year, in SVG units."""
WEEKS = 53
VERDICTS = ("kept", "broken", "unknown", "none")


@dataclass(frozen=True)
class Year:
    """A year of dots: one path per verdict, month names below, and how many days had which verdict.

    A run of days with one verdict is one line down its week, drawn as dots by a dash of length 0 every STEP.
    """

    paths: dict[str, str]
    months: list[tuple[float, str]]
    counts: dict[str, int]
    width: float = WEEKS * STEP
    height: float = 7 * STEP + 12.5


def year_of_dots(history: Iterable[tuple[date, str]], until: date | None = None) -> Year:
    """Lay 53 weeks of verdicts in columns of seven days, the last column ending with `until` (default: today in India).

    Days without a verdict are "none". Where one day comes twice the worse verdict wins, so nothing bad is hidden.
    """
    last = until or clock.today()
    worst = ("none", "kept", "unknown", "broken")
    by_day: dict[date, str] = {}
    for on, verdict in history:
        by_day[on] = max(by_day.get(on, "none"), verdict, key=worst.index)
    first = last - timedelta(days=last.weekday(), weeks=WEEKS - 1)
    shown = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    verdicts = [by_day.get(on, "none") for on in shown]
    paths: dict[str, str] = dict.fromkeys(VERDICTS, "")
    for week in range(WEEKS):
        top = 0
        for verdict, run in groupby(verdicts[week * 7 : week * 7 + 7]):
            length = len(list(run))
            x, y = week * STEP + STEP / 2, top * STEP + STEP / 2
            paths[verdict] += f"M{x:.1f} {y:.1f}v{(length - 1) * STEP + 0.1:.1f}"
            top += length
    months = [
        (round(place // 7 * STEP, 1), format_date(on, "MMM", locale=language()))
        for place, on in enumerate(shown)
        if on.day == 1 and on.month % 3 == 0 and place // 7 < WEEKS - 3
    ]
    return Year(paths, months, {verdict: verdicts.count(verdict) for verdict in VERDICTS})


@dataclass(frozen=True)
class Dot:
    """One promise in the tally."""

    x: float
    y: float
    verdict: str


def tally_dots(verdicts: Sequence[str], columns: int = 11) -> tuple[list[Dot], float]:
    """One dot per promise in the policy's order, left to right; returns the dots and the drawing's height."""
    dots = [
        Dot(round(8 + place % columns * 20.4, 1), 5 + place // columns * 10.5, verdict)
        for place, verdict in enumerate(verdicts)
    ]
    return dots, max(1, -(-len(dots) // columns)) * 10.5


@dataclass(frozen=True)
class Stage:
    """One bar of a waterfall, in SVG units on a scale of 300."""

    label: str
    x: float
    width: float
    milliseconds: float
    ours: bool


def waterfall_stages(stages: Sequence[Mapping[str, Any]]) -> tuple[list[Stage], float]:
    """Bars for `{"label", "start_ms", "ms", "ours"}`; returns them and the total in milliseconds."""
    total = max((stage["start_ms"] + stage["ms"] for stage in stages), default=0.0) or 1.0
    scale = 300 / total
    bars = [
        Stage(
            stage["label"],
            round(stage["start_ms"] * scale, 1),
            max(1.5, round(stage["ms"] * scale, 1)),
            stage["ms"],
            bool(stage.get("ours", False)),
        )
        for stage in stages
    ]
    return bars, total


def share(part: float, whole: float, of: float = 100) -> float:
    """`part` of `whole` on a scale of `of`, never outside it: the width of a filling bar."""
    return round(max(0.0, min(1.0, part / whole if whole else 1.0)) * of, 1)


DRAWINGS: dict[str, Callable[..., Any]] = {
    "year_of_dots": year_of_dots,
    "tally_dots": tally_dots,
    "waterfall_stages": waterfall_stages,
    "share": share,
}
