"""How long something closed can be opened again, and when its owner is told (Policy §5). Nothing but the rule.

Thirty days are thirty whole days of India after the day of closing: nobody loses hours to the time of day at which they
closed, and the page can name a last day.
"""

from datetime import date, datetime, time, timedelta

from callmissed.foundation.clock import IST

DAYS = 30
WARNED = timedelta(hours=48)
"""Nothing is erased sooner after its last notice (DPDP Rules 2025, rule 8(2))."""

BACKUPS = timedelta(days=90)
"""After so long no backup can hold what was erased (Policy §5)."""

NOTICES = {"week": timedelta(days=7), "two_days": WARNED}
"""Kinds of notices, and how long before the end each is due."""


def ends_at(closed_at: datetime) -> datetime:
    """The midnight in India that ends the thirtieth day after the day of closing."""
    last = closed_at.astimezone(IST).date() + timedelta(days=DAYS)
    return datetime.combine(last + timedelta(days=1), time(), IST)


def last_day(end: datetime) -> date:
    """The last day in India on which it can be opened again."""
    return (end.astimezone(IST) - timedelta(microseconds=1)).date()
