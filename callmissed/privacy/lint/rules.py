"""What a finding is: a clause of the policy against rows of law, why they do not agree, and what to do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from callmissed.privacy.law import Duty, Law, Statutes
from callmissed.privacy.lint.said import Said


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a policy and the law can disagree.

    `stands` says whether the policy has it; it is a conflict on the days on which any of the rows it `cites` is in force.
    `says`, `why` and `cure` are sentences; `%(name)s` in them is a claim of that name. `also` are the names under which other
    lists know it.
    """

    id: str
    section: int
    cites: tuple[str, ...]
    says: str
    why: str
    cure: str
    stands: Callable[[Said, Statutes, date], bool]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """A finding: a rule that stands, with the rows of law behind it. `since` is the first day on which it is a conflict."""

    id: str
    also: tuple[str, ...]
    clause: str
    says: str
    why: str
    cure: str
    law: Sequence[Law | Duty]
    since: date
    in_force: bool
    tables: tuple[str, ...] = field(default=())

    @property
    def digest(self) -> str:
        """Stands for what was accepted: SHA-256 of clause, sentences and law, as 16 hex digits. Changes when any of them does."""
        rows = [f"{row.id} {row.citation} {row.says} {row.commences} {row.ends}" for row in self.law]
        told = [self.id, self.clause, self.says, self.why, self.cure, str(self.in_force), *self.tables, *rows]
        return sha256("\n".join(told).encode()).hexdigest()[:16]


def apply(
    rule: Rule,
    said: Said,
    claims: Mapping[str, object],
    law: Statutes,
    on: date,
    conditions: frozenset[str],
) -> Conflict | None:
    """The finding of one rule on that day, or on the first later day on which law that is already known comes into force.

    Rows of law that bind only operators of another kind are left out.
    """
    rows = [
        row
        for row in map(law.cited, rule.cites)
        if isinstance(row, Duty) or row.when is None or row.when in conditions
    ]
    alive = [row for row in rows if row.ends > on]
    if not alive:
        return None
    current = [row for row in alive if row.commences <= on]
    since = min(row.commences for row in current or alive)
    if not rule.stands(said, law, max(on, since)):
        return None
    return Conflict(
        id=rule.id,
        also=rule.also,
        clause=f"§{rule.section}",
        says=rule.says % claims,
        why=rule.why % claims,
        cure=rule.cure % claims,
        law=current or alive,
        since=since,
        in_force=bool(current),
    )


def hours(law: Statutes, name: str) -> int:
    """The hours that a duty leaves. Raises LookupError where it has no number."""
    limit = law.duties[name].limit_hours
    if limit is None:
        raise LookupError(name)
    return limit


def floor_days(law: Statutes, on: date, *classes: str) -> float:
    """The longest statutory minimum on any of these classes that binds everybody on that day, in days."""
    return max(
        (
            row.period.about_days
            for row in law.rows
            if row.bound == "keep"
            and row.when is None
            and row.classes & set(classes)
            and row.commences <= on < row.ends
        ),
        default=0,
    )
