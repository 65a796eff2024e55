"""Findings of the lint, and who answers for them. In production each one in force is accepted by name before a start.

A finding that is accepted stays one: it is shown with who accepted it and why. What was accepted is the finding as it was; a
change of its clause, its law or its tables opens it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Conflict as Refused
from callmissed.foundation.problems import Invalid, NotFound, Problem
from callmissed.foundation.vault import Erased
from callmissed.privacy.explaining import Explained, UnknownColumn, explain, told
from callmissed.privacy.facts import PLACEHOLDER, Facts
from callmissed.privacy.law import statutes
from callmissed.privacy.lint import PUBLISHED, Conflict, lint, said_here
from callmissed.privacy.models import FindingAcceptance
from callmissed.privacy.promises import promises

__all__ = [
    "PUBLISHED",
    "Accepted",
    "Explained",
    "FindingChanged",
    "FindingsOpen",
    "Standing",
    "UnknownColumn",
    "accept",
    "explain_here",
    "found_here",
    "refuse_open",
    "standing",
    "told",
]

MOST_NAME, MOST_REASON, LEAST_REASON = 120, 500, 10


class FindingUnknown(NotFound):
    """There is no such finding today. `callmissed policy lint` lists them."""

    code = "finding_unknown"


class FindingChanged(Refused):
    """This finding has changed since you read it. Read it again, then accept it."""

    code = "finding_changed"


class FindingAccepted(Refused):
    """Somebody has accepted this finding already."""

    code = "finding_accepted"


class NameNeeded(Invalid):
    """Type your name: whoever accepts a finding answers for it."""

    code = "finding_name_needed"


class ReasonNeeded(Invalid):
    """Say in a sentence why this finding is accepted."""

    code = "finding_reason_needed"


class FindingsOpen(Problem):
    """Production does not start before each finding in force is accepted by name: callmissed policy lint lists them."""

    code = "findings_open"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who accepted a finding as it is now, when, and why."""

    name: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding, and who accepted it, if somebody did."""

    finding: Conflict
    accepted: Accepted | None

    @property
    def is_open(self) -> bool:
        """Whether it is in force and nobody answers for it."""
        return self.finding.in_force and self.accepted is None


def found_here(facts: Facts, on: date | None = None) -> list[Conflict]:
    """Every finding of this installation on that day in India, today by default."""
    checked = frozenset(each.id for each in promises() if each.check)
    return lint(said_here(facts, checked), on or clock.today(), statutes(), facts.law_applies)


def explain_here(facts: Facts, column: str, on: date | None = None) -> Explained:
    """A column ("table.column") in words, as the law binds this operator. Raises UnknownColumn."""
    return explain(column, on or clock.today(), statutes(), facts.law_applies)


async def standing(tx: Tx, found: Sequence[Conflict]) -> list[Standing]:
    """These findings with who accepted each as it is now."""
    query = select(FindingAcceptance).where(FindingAcceptance.digest.in_([each.digest for each in found]))
    rows = {(row.finding, row.digest): row for row in await tx.session.scalars(query)}
    listed: list[Standing] = []
    for each in found:
        row = rows.get((each.id, each.digest))
        listed.append(Standing(each, await _opened(tx, row) if row else None))
    return listed


async def _opened(tx: Tx, row: FindingAcceptance) -> Accepted:
    try:
        name = await tx.vault.open_bytes(FindingAcceptance.name, row.id, row.person_id, row.name)
    except Erased:  # whoever it was has been erased; that somebody accepted it stays
        return Accepted("", row.created_at, row.reason)
    return Accepted(name.decode(), row.created_at, row.reason)


async def accept(
    tx: Tx,
    facts: Facts,
    finding: str,
    *,
    name: str,
    reason: str,
    digest: str | None = None,
    person: UUID | None = None,
) -> Standing:
    """Accept a finding as it is now, and write that down.

    `digest` is what the person read: another one now raises FindingChanged. `person` is the staff's account, none at the
    terminal. Raises FindingUnknown, FindingAccepted, NameNeeded and ReasonNeeded.
    """
    found = next((each for each in found_here(facts) if each.id == finding), None)
    if found is None:
        raise FindingUnknown(asked=finding)
    if digest is not None and digest != found.digest:
        raise FindingChanged
    name, reason = " ".join(name.split()), " ".join(reason.split())
    if not 1 < len(name) <= MOST_NAME or PLACEHOLDER.search(name):
        raise NameNeeded
    if not LEAST_REASON <= len(reason) <= MOST_REASON:
        raise ReasonNeeded
    [known] = await standing(tx, [found])
    if known.accepted is not None:
        raise FindingAccepted
    row = FindingAcceptance(id=uuid7(), finding=found.id, digest=found.digest, person_id=person or uuid7())
    box = await tx.vault.person(row.person_id, "finding")
    row.name, row.reason = box.seal(FindingAcceptance.name, row.id, name.encode()), reason
    tx.session.add(row)
    try:
        await tx.session.flush()
    except IntegrityError:
        raise FindingAccepted from None
    body = {"finding": found.id, "digest": found.digest, "law": [each.id for each in found.law]}
    await audit.record(tx, "privacy:finding:accepted", target=row.id, body=body)
    [known] = await standing(tx, [found])
    return known


async def refuse_open(tx: Tx, facts: Facts) -> None:
    """In production, raise FindingsOpen unless somebody answers for each finding in force."""
    if not facts.production:
        return
    left = [each.finding.id for each in await standing(tx, found_here(facts)) if each.is_open]
    if left:
        cure = "Accept each with: callmissed policy accept ID --name NAME --reason REASON"
        raise FindingsOpen(f"{FindingsOpen.default_message()} Open: {', '.join(left)}. {cure}")
