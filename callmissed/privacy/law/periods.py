"""Periods as law counts them: from a day in India, through the end of a later day.

A year ends on the same calendar day of the next year, in Asia/Kolkata; where that day does not exist, on the first of the
month after it (29 February + 1 year = 1 March). What is kept for a period is kept through its last day.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from callmissed.foundation import clock

_WRITTEN = re.compile(r"(\d+) (day|month|year)s?")


@dataclass(frozen=True, slots=True)
class Period:
    """A number of days, or of calendar months; never both. A year is twelve months."""

    days: int = 0
    months: int = 0

    @classmethod
    def parse(cls, written: str) -> "Period":
        """The period of "180 days", "72 months" or "1 year". Raises ValueError on any other."""
        found = _WRITTEN.fullmatch(written)
        if found is None:
            reason = f'{written!r} is no period: write it as "180 days", "6 months" or "1 year"'
            raise ValueError(reason)
        number, unit = int(found[1]), found[2]
        return cls(days=number) if unit == "day" else cls(months=number * (12 if unit == "year" else 1))

    def last_day(self, anchor: date) -> date:
        """The last day of the period that began on the day `anchor`."""
        if not self.months:
            return anchor + timedelta(days=self.days)
        year, month = divmod(anchor.year * 12 + anchor.month - 1 + self.months, 12)
        longest = calendar.monthrange(year, month + 1)[1]
        if anchor.day <= longest:
            return date(year, month + 1, anchor.day)
        return date(year, month + 1, longest) + timedelta(days=1)

    @property
    def about_days(self) -> float:
        """Its length in days, for comparing periods: a month counts as a twelfth of 365.25 days."""
        return self.days + self.months * 365.25 / 12

    def __str__(self) -> str:
        """As it is written: "180 days", "6 months", "1 year"."""
        if not self.months:
            return f"{self.days} day{'s' * (self.days != 1)}"
        number, unit = (self.months, "month") if self.months % 12 else (self.months // 12, "year")
        return f"{number} {unit}{'s' * (number != 1)}"


def begins(day: date) -> datetime:
    """The moment at which a day begins in India, in UTC."""
    return datetime.combine(day, time(), clock.IST).astimezone(UTC)


def day_of(moment: datetime) -> date:
    """The day it was in India at that moment."""
    return moment.astimezone(clock.IST).date()


def financial_year_end(day: date) -> date:
    """31 March of the financial year (1 April to 31 March) in which a day lies."""
    return date(day.year + (day.month > 3), 3, 31)


def annual_return_due(day: date) -> date:
    """When the annual GST return of that day's financial year is due: 31 December after it (CGST Act 2017, s. 44)."""
    return date(financial_year_end(day).year, 12, 31)
