"""What the usage and wallet pages draw from billing's figures: charts, where the time went, what it cost, how long it lasts.

Names of days and labels are made when they are asked for, in the language of the page that is being written.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_date

from callmissed.billing import LOTS, Statement, UsageReport, Used, price_of
from callmissed.foundation import clock
from callmissed.foundation.i18n import language, t
from callmissed.foundation.money import RUPEE, Micro

COLOURS = 4
"""So many models or keys have a colour of their own in a chart; the others are one."""
AHEAD_DAYS = 7
YEAR_DAYS = 365
KEPT = timedelta(days=90)
"""How long a usage record is kept (Policy §4)."""


@dataclass(frozen=True, slots=True)
class CostChart:
    """What each model or key cost per day, or per hour when the span is one day. `until` is now: the last bar is unfinished.

    `called` says how a name of the costs is written for a reader.
    """

    report: UsageReport
    since: datetime
    until: datetime
    called: Callable[[str], str] = str

    @property
    def is_hourly(self) -> bool:
        """Whether a bar is an hour."""
        return self.until - self.since <= timedelta(days=1)

    @property
    def data(self) -> dict[str, Any]:
        """As the kit's chart takes it."""
        step = timedelta(hours=1) if self.is_hourly else timedelta(days=1)
        first = self.since.astimezone(clock.IST).replace(minute=0, second=0, microsecond=0)
        starts = [first + n * step for n in range((self.until - first) // step + 1)]
        cells: defaultdict[tuple[str, datetime], int] = defaultdict(int)
        totals: defaultdict[str, int] = defaultdict(int)
        for cost in self.report.costs:
            cells[cost.name, cost.began] += cost.amount_micro
            totals[cost.name] += cost.amount_micro
        ranked = sorted(totals, key=lambda name: (-totals[name], name))
        groups = [(self.called(name), [name]) for name in ranked[:COLOURS]]
        if ranked[COLOURS:]:
            groups.append((t("Other"), ranked[COLOURS:]))
        return {
            "kind": "bar",
            "money": True,
            "decimals": 2 if sum(totals.values()) >= 100 * RUPEE else 4,
            "unfinished": True,
            "x": [f"{start:%H:%M}" if self.is_hourly else short_day(start) for start in starts],
            "series": [
                {
                    "name": name,
                    "data": [sum(cells[each, start] for each in group) / RUPEE for start in starts],
                }
                for name, group in groups
            ],
        }


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a wallet is spent: micro-rupees a day over so many days, and when that empties it (None: not in a year)."""

    per_day_micro: float
    days: int
    empty_on: date | None


def pace(told: Statement) -> Pace | None:
    """The pace since the first day of the statement on which something was spent; None when nothing was."""
    spending = [day for day in told.days if day.spent_micro]
    if not spending:
        return None
    today = clock.today()
    days = max(1, (today - spending[0].on).days + 1)
    per_day = sum(day.spent_micro for day in spending) / days
    left = told.purse.balance_micro / per_day
    return Pace(per_day, days, today + timedelta(days=int(left)) if left < YEAR_DAYS else None)


@dataclass(frozen=True, slots=True)
class BalanceChart:
    """The balance at the end of each of the last 30 days, and where the pace of spending leads in the next week."""

    told: Statement
    days: int = 30

    @property
    def closing(self) -> list[tuple[date, int]]:
        """(day in India, micro-rupees at its end), oldest first; today as it is now."""
        changes = {day.on: day.change_micro for day in self.told.days}
        on, left = clock.today(), self.told.purse.balance_micro
        found: list[tuple[date, int]] = []
        for _ in range(self.days):
            found.append((on, left))
            left -= changes.get(on, 0)
            on -= timedelta(days=1)
        return found[::-1]

    @property
    def lowest(self) -> Micro:
        """The lowest of the days."""
        return Micro(min(left for _, left in self.closing))

    @property
    def highest(self) -> Micro:
        """The highest of the days."""
        return Micro(max(left for _, left in self.closing))

    @property
    def data(self) -> dict[str, Any]:
        """As the kit's chart takes it."""
        known = self.closing
        known_rupees: list[float | None] = [left / RUPEE for _, left in known]
        series: list[dict[str, Any]] = [{"name": t("Balance"), "data": known_rupees}]
        x = [short_day(on) for on, _ in known]
        going = pace(self.told)
        if going:
            last_on, last = known[-1]
            ahead = [max(0.0, last - n * going.per_day_micro) / RUPEE for n in range(AHEAD_DAYS + 1)]
            x += [short_day(last_on + timedelta(days=n)) for n in range(1, AHEAD_DAYS + 1)]
            series[0]["data"] = [*known_rupees, *[None] * AHEAD_DAYS]
            series.append(
                {"name": t("At this pace"), "data": [*[None] * (len(known) - 1), *ahead], "dashed": True}
            )
        return {"kind": "line", "money": True, "x": x, "series": series}


def short_day(on: date) -> str:
    """`25 Oct`."""
    return format_date(on, "d MMM", locale=language())


def stages(used: Used) -> list[dict[str, Any]]:
    """Where the time of a request went, as the kit's waterfall takes it. Grey is ours."""
    admit, reserve = used.admit_us / 1000, used.reserve_us / 1000
    if used.options == "cached":
        looking = {
            "label": t("Look into the cache"),
            "start_ms": admit,
            "ms": max(0.0, used.latency_ms - admit),
            "ours": True,
        }
        return [{"label": t("Key and limits"), "start_ms": 0, "ms": admit, "ours": True}, looking]
    asked = admit + reserve
    first = used.latency_ms if used.first_token_ms is None else used.first_token_ms
    found: list[dict[str, Any]] = [
        {"label": t("Key and limits"), "start_ms": 0, "ms": admit, "ours": True},
        {"label": t("Reserve in wallet"), "start_ms": admit, "ms": reserve, "ours": True},
        {"label": t("Wait for the model"), "start_ms": asked, "ms": max(0.0, first - asked)},
    ]
    if used.first_token_ms is not None:
        found.append(
            {"label": t("Answer arrives"), "start_ms": first, "ms": max(0.0, used.latency_ms - first)}
        )
    return found


def priced(used: Used) -> tuple[int, int, int]:
    """What was read (or heard, or spoken), what was written, and what of that was not taken, in micro-rupees: they sum to the charge.

    A part of a micro-rupee is rounded up once, on the whole; never more is taken than was reserved.
    """
    if used.unit is not None:
        whole = price_of(used.unit, used.units or 0, 0, used.price_in_micro, 0)
        return whole, 0, used.price_micro - whole
    whole = price_of("token", used.tokens_in, used.tokens_out, used.price_in_micro, used.price_out_micro)
    read = used.tokens_in * used.price_in_micro // LOTS["token"]
    return read, whole - read, used.price_micro - whole


def kept_until(used: Used) -> datetime:
    """When the record is erased."""
    return used.at + KEPT


def neighbours(rows: Sequence[Used], used: Used | None) -> tuple[Used | None, Used | None]:
    """The rows above and below one of them."""
    place = next((n for n, each in enumerate(rows) if used is not None and each.id == used.id), None)
    if place is None:
        return None, None
    return rows[place - 1] if place else None, rows[place + 1] if place + 1 < len(rows) else None
