"""The one clock. UTC is stored, Indian Standard Time is shown; nothing else reads the time of day.

Drills and tests move it with `travel`; everything that asks `now()` then lives at that time.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""Indian Standard Time: one zone for all of India, without daylight saving."""

_offset = timedelta()


def now() -> datetime:
    """Now, as an aware datetime in UTC."""
    return datetime.now(UTC) + _offset


def today() -> date:
    """The day it is in India now."""
    return now().astimezone(IST).date()


def unix_milliseconds() -> int:
    """Milliseconds since 1970 in UTC."""
    return int(now().timestamp() * 1000)


@contextmanager
def travel(*, days: float = 0, hours: float = 0, seconds: float = 0) -> Generator[None]:
    """Move the clock of this process by so much until the block ends."""
    global _offset  # noqa: PLW0603 - the process has one clock, and this is where it is set
    before = _offset
    _offset = before + timedelta(days=days, hours=hours, seconds=seconds)
    try:
        yield
    finally:
        _offset = before
