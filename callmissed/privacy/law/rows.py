"""Law as dated rows: citation, classes of data, period, the event it counts from, and the days on which it is in force.

The rows stand in `india.toml`. A row that is incomplete, or that contradicts another, is refused when it is read, with a
message that names the row and the cure.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Any, Literal, TypeVar, get_args

from callmissed.privacy.law.periods import Period
from callmissed.privacy.law.solver import END

Kind = Literal["keep", "delete"]
Confidence = Literal["text", "secondary", "memory", "reading"]


class DataClass(StrEnum):
    """What the law calls the things we hold: a column may be of several classes."""

    SYSTEM_LOG = "system_log"
    ACCESS_LOG = "access_log"
    TRAFFIC = "traffic"
    PERSONAL_DATA = "personal_data"
    CALL_RECORD = "call_record"
    RECORDING = "recording"
    REGISTRATION = "registration"
    REMOVED_CONTENT = "removed_content"
    BOOKS = "books"


class Anchor(StrEnum):
    """The events that periods count from. The last two follow from the day on which a thing was made."""

    PROCESSED = "processed_at"
    CANCELLED = "cancelled_at"
    REMOVED = "removed_at"
    PURPOSE_ENDED = "purpose_ended_at"
    FINANCIAL_YEAR_END = "financial_year_end"
    ANNUAL_RETURN_DUE = "annual_return_due"


@dataclass(frozen=True, slots=True)
class Duty:
    """What law asks of the policy besides periods of keeping; `limit_hours` where the rule has a number."""

    id: str
    citation: str
    says: str
    commences: date
    ends: date
    confidence: Confidence
    limit_hours: int | None


class LawWrong(ValueError):
    """A row of law is incomplete or contradicts another. The message names the row and the cure."""


@dataclass(frozen=True, slots=True)
class Law:
    """One rule of law on how long data of some classes is kept.

    In force from `commences` up to, not including, `ends`; `when` names what an operator must be for it to bind. Who
    accepted what follows from it stands in the database (`finding_acceptance`).
    """

    id: str
    citation: str
    says: str
    bound: Kind
    classes: frozenset[DataClass]
    period: Period
    anchor: Anchor
    commences: date
    ends: date
    when: str | None
    confidence: Confidence

    def in_force(self, on: date) -> bool:
        """Whether it is in force on that day."""
        return self.commences <= on < self.ends


CONDITIONS = {
    "cloud_service_provider": "the installation is a cloud service provider in the sense of the CERT-In Directions",
    "other_service_provider": "the installation is an Other Service Provider in the sense of the guidelines of 2021",
    "recovery_calls": "tenants have their bots make recovery calls for lenders",
}
"""What an operator may say of itself, and which rows bind only then."""


@dataclass(frozen=True, slots=True)
class Statutes:
    """All that one file of law says: the rows on keeping, and the duties by their id."""

    rows: tuple[Law, ...]
    duties: Mapping[str, Duty]

    def cited(self, name: str) -> Law | Duty:
        """The row or duty of that id. Raises KeyError."""
        return self.duties.get(name) or {row.id: row for row in self.rows}[name]


_NEEDED = {"id", "citation", "says", "from", "confidence"}
_OF_LAW = _NEEDED | {"bound", "classes", "period", "anchor"}
_BESIDES = {"to", "when", "limit_hours"}


def read(text: str) -> Statutes:
    """What a file of law says. Raises LawWrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        reason = f"the file of law is no TOML: {wrong}"
        raise LawWrong(reason) from None
    rows = tuple(_read_one(number, each, _OF_LAW, _law) for number, each in enumerate(raw.get("law", []), 1))
    duties = [_read_one(number, each, _NEEDED, _duty) for number, each in enumerate(raw.get("duty", []), 1)]
    check((*rows, *duties))
    return Statutes(rows, {each.id: each for each in duties})


Made = TypeVar("Made", Law, Duty)


def _read_one(
    number: int, raw: Mapping[str, Any], needed: AbstractSet[str], make: Callable[[Mapping[str, Any]], Made]
) -> Made:
    """One row, if all it needs is there and nothing else. Raises LawWrong."""
    name = str(raw.get("id") or f"number {number}")
    missing = sorted(each for each in needed if not raw.get(each))
    if missing:
        reason = f"law row {name} has no {missing[0]}: add the line `{missing[0]} = …`"
        raise LawWrong(reason)
    unknown = sorted(raw.keys() - needed - _BESIDES)
    if unknown:
        reason = f"law row {name} has a line {unknown[0]!r} that nothing reads: take it out"
        raise LawWrong(reason)
    try:
        return make(raw)
    except ValueError as wrong:
        reason = f"law row {name}: {wrong}"
        raise LawWrong(reason) from None


def _law(raw: Mapping[str, Any]) -> Law:
    return Law(
        id=raw["id"],
        citation=raw["citation"],
        says=raw["says"],
        bound=_one_of(get_args(Kind), raw["bound"]),
        classes=frozenset(DataClass(each) for each in raw["classes"]),
        period=Period.parse(raw["period"]),
        anchor=Anchor(raw["anchor"]),
        commences=_day(raw["from"]),
        ends=_day(raw.get("to", END)),
        when=raw.get("when"),
        confidence=_one_of(get_args(Confidence), raw["confidence"]),
    )


def _duty(raw: Mapping[str, Any]) -> Duty:
    return Duty(
        id=raw["id"],
        citation=raw["citation"],
        says=raw["says"],
        commences=_day(raw["from"]),
        ends=_day(raw.get("to", END)),
        confidence=_one_of(get_args(Confidence), raw["confidence"]),
        limit_hours=raw.get("limit_hours"),
    )


def _one_of(allowed: Sequence[Any], value: Any) -> Any:
    if value not in allowed:
        reason = f"{value!r} is none of {', '.join(allowed)}"
        raise ValueError(reason)
    return value


def _day(value: object) -> date:
    if type(value) is not date:
        reason = f"{value!r} is no day: write it as 2027-05-13"
        raise ValueError(reason)
    return value


def check(rows: Sequence[Law | Duty]) -> None:
    """Refuse rows that contradict themselves or one another. Raises LawWrong."""
    for row in rows:
        if row.ends <= row.commences:
            reason = f"law row {row.id} ends before it commences: correct `from` or `to`"
            raise LawWrong(reason)
        if isinstance(row, Law) and row.when is not None and row.when not in CONDITIONS:
            reason = f"law row {row.id} binds on the condition {row.when!r}, which nobody can state: use one of {', '.join(CONDITIONS)}"
            raise LawWrong(reason)
    for one, other in combinations(rows, 2):
        if one.id == other.id:
            reason = f"law row {one.id} is there twice: give each its own id"
            raise LawWrong(reason)
        if isinstance(one, Law) and isinstance(other, Law):
            _check_pair(one, other)


def _check_pair(one: Law, other: Law) -> None:
    """A minimum above a maximum that counts from the same event can never be kept."""
    if {one.bound, other.bound} != {"keep", "delete"} or one.anchor is not other.anchor:
        return
    floor, cap = (one, other) if one.bound == "keep" else (other, one)
    together = max(floor.commences, cap.commences) < min(floor.ends, cap.ends)
    shared = floor.classes & cap.classes
    if together and shared and floor.period.about_days > cap.period.about_days:
        reason = (
            f"law row {floor.id} keeps {min(shared)} for {floor.period}, and {cap.id} has it deleted after"
            f" {cap.period} from the same event: correct one of them, or give it the day on which it ends"
        )
        raise LawWrong(reason)


@cache
def statutes() -> Statutes:
    """The Indian law that this release knows."""
    return read(files("callmissed.privacy.law").joinpath("india.toml").read_text("utf-8"))


def binding(rows: Iterable[Law], conditions: frozenset[str]) -> tuple[Law, ...]:
    """The rows that bind an operator of whom these conditions are true."""
    return tuple(row for row in rows if row.when is None or row.when in conditions)
