"""How figures, money, times and ids are written for a reader, in the language being spoken."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from babel.dates import format_date, format_time
from markupsafe import Markup

from callmissed.foundation import clock
from callmissed.foundation.i18n import language, t
from callmissed.foundation.money import RUPEE, group, show

MINUTE, HOUR, DAY = 60, 3600, 86400


def money(micro: int, decimals: int = 2, *, sign: bool = False, down: bool = False) -> Markup:
    """Micro-rupees as `₹1,23,456.78` with the paise lighter; below ₹1 the decimals are the news and stay dark.

    `down` is for balances: nothing is shown that is not there.
    """
    whole, point, fraction = show(micro, decimals, sign=sign, down=down).partition(".")
    if not fraction or abs(micro) < RUPEE:
        return Markup('<span class="cm-money">{}</span>').format(whole + point + fraction)
    return Markup('<span class="cm-money">{}<span class="cm-paise">.{}</span></span>').format(whole, fraction)


def number(value: float, decimals: int = 0) -> str:
    """A count with Indian grouping: 21406118 is `2,14,06,118`; a true minus when negative."""
    whole, _, fraction = f"{abs(value):.{decimals}f}".partition(".")
    mark = "\N{MINUS SIGN}" if value < 0 else ""
    return mark + group(int(whole)) + (f".{fraction}" if fraction else "")


def in_india(moment: datetime) -> datetime:
    """The moment on an Indian clock; a time without a zone is taken as UTC, as stored."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(clock.IST)


def ago(moment: datetime) -> str:
    """`12 s ago` under an hour, `Today 18:57`, `8 Nov, 10:04` this year, then `8 Nov 2026`."""
    local, present = in_india(moment), in_india(clock.now())
    seconds = int((present - local).total_seconds())
    if 0 <= seconds < MINUTE:
        return t("%(n)s s ago", n=seconds)
    if 0 <= seconds < HOUR:
        return t("%(n)s min ago", n=seconds // MINUTE)
    return dated(moment)


def dated(moment: datetime) -> str:
    """`Today 18:57`, `8 Nov, 10:04` this year, then `8 Nov 2026`: a line of an account, which does not move with the clock."""
    local, present = in_india(moment), in_india(clock.now())
    time = format_time(local, "HH:mm", locale=language())
    if local.date() == present.date():
        return t("Today %(time)s", time=time)
    if local.date() == present.date() + timedelta(days=1):
        return t("Tomorrow %(time)s", time=time)
    if local.year == present.year:
        return t("%(day)s, %(time)s", day=format_date(local, "d MMM", locale=language()), time=time)
    return format_date(local, "d MMM y", locale=language())


def moment_in_full(moment: datetime) -> str:
    """`23 November 2026, 19:40:00 IST`: the form shown on hover and read to screen readers."""
    local = in_india(moment)
    return f"{format_date(local, 'd MMMM y', locale=language())}, {local:%H:%M:%S} IST"


def when(moment: datetime | None) -> Markup:
    """A `<time>` in the short form; the page's script keeps it ticking while it is under an hour old."""
    if moment is None:
        return Markup('<span class="cm-quiet">{}</span>').format(t("never"))
    iso, full = in_india(moment).isoformat(timespec="seconds"), moment_in_full(moment)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, full, ago(moment))


def day(value: date | datetime, *, year: bool = True) -> str:
    """`23 November 2026`."""
    local = in_india(value) if isinstance(value, datetime) else value
    return format_date(local, "d MMMM y" if year else "d MMMM", locale=language())


def at(moment: datetime) -> str:
    """`5 December, 16:40 IST`: a due time."""
    local = in_india(moment)
    return f"{format_date(local, 'd MMMM', locale=language())}, {local:%H:%M} IST"


def hour(moment: datetime) -> str:
    """`18:57`: the time of day in India, where the day is known."""
    return f"{in_india(moment):%H:%M}"


def stamp(moment: datetime) -> str:
    """`19:41:08.214` today, `23 Nov 19:41:08.214` otherwise: a line of a log, on an Indian clock."""
    local = in_india(moment)
    time = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return (
        time if local.date() == clock.today() else f"{format_date(local, 'd MMM', locale=language())} {time}"
    )


def milliseconds(value: float) -> str:
    """`204 ms`, `1.62 s`; what was too short to be counted is not said to be nothing."""
    return duration(value / 1000) if value else t("under 1 ms")


def duration(seconds: float) -> str:
    """`2 min 14 s`, `3 h 40 min`, `89 d 21 h`, `1.41 s`, `204 ms`, `0.3 ms`: at most two units."""
    if 0 < seconds < 0.01:
        return t("%(n)s ms", n=f"{max(seconds * 1000, 0.1):.1f}".removesuffix(".0"))
    if 0 < seconds < 1:
        return t("%(n)s ms", n=round(seconds * 1000))
    if 1 < seconds < 10:
        return t("%(n)s s", n=f"{seconds:.2f}".rstrip("0").rstrip("."))
    whole = int(seconds)
    parts = [
        (whole // DAY, t("%(n)s d", n=whole // DAY)),
        (whole % DAY // HOUR, t("%(n)s h", n=whole % DAY // HOUR)),
        (whole % HOUR // MINUTE, t("%(n)s min", n=whole % HOUR // MINUTE)),
        (whole % MINUTE, t("%(n)s s", n=whole % MINUTE)),
    ]
    first = next((place for place, (amount, _) in enumerate(parts) if amount), len(parts) - 1)
    return " ".join(text for amount, text in parts[first : first + 2] if amount or first == len(parts) - 1)


def ident(value: UUID | str) -> str:
    """The first 8 characters … the last 4; a short id stays whole."""
    text = str(value)
    return text if len(text) <= 14 else f"{text[:8]}…{text[-4:]}"


def initials(name: str) -> str:
    """Up to two letters for a person or workspace: `Imran Mulla` is `IM`."""
    words = [word for word in name.split() if word[0].isalnum()]
    if len(words) > 1 and words[0].isascii():
        return (words[0][0] + words[-1][0]).upper()
    return words[0][: 2 if words[0].isascii() else 1].upper() if words else "?"


def translated(text: str, figures: Mapping[str, object] | None = None) -> str:
    """Text that comes from data, in the reader's language where a catalogue has it; escaped like any other value.

    `figures` fill its `%(name)s` places, whole numbers grouped the Indian way. Raises KeyError when one is missing.
    """
    said = t(text)
    if not figures:
        return said
    return said % {
        name: number(value) if isinstance(value, int) else value for name, value in figures.items()
    }


def combined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Both sets of attributes, the second winning."""
    return {**first, **second}


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money,
    "amount": show,
    "num": number,
    "when": when,
    "ago": ago,
    "dated": dated,
    "at": at,
    "day": day,
    "hour": hour,
    "full": moment_in_full,
    "duration": duration,
    "ms": milliseconds,
    "stamp": stamp,
    "ident": ident,
    "initials": initials,
    "translated": translated,
    "combined": combined,
}
