"""The policy as a reader meets it: every promise with its last verdict, its year of days, and its place in the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from callmissed.foundation import clock
from callmissed.foundation.audit import LeafPlace, places_of
from callmissed.foundation.database import Tx
from callmissed.foundation.services import Services
from callmissed.privacy.checking import Tally, tally
from callmissed.privacy.facts import Facts
from callmissed.privacy.models import PolicyVersion, PromiseDay, PromiseVerdict
from callmissed.privacy.notice import Held, held
from callmissed.privacy.promises import promises
from callmissed.privacy.promises.consent import COOKIES
from callmissed.privacy.promises.engine import NOT_CHECKED, Finding, Promise, Verdict, unknown
from callmissed.privacy.versions import Version, coming, in_effect

_ = str

SECTIONS = {
    1: _("What we collect"),
    2: _("What we use it for"),
    3: _("Where it is kept, and how safely"),
    4: _("Who helps us"),
    5: _("How long we keep it"),
    6: _("Your rights"),
    7: _("Consent"),
    8: _("Cookies"),
    9: _("Children"),
    10: _("If there is a breach"),
    12: _("Changes"),
    13: _("Who we are"),
    14: _("Complaints"),
}
"""Sections of the published policy that hold a promise, in our words."""

WAITING = _("Not yet checked on this installation; the first check runs within a minute.")
YEAR = timedelta(weeks=53)
"""What a year of dots shows."""
VERDICTS: dict[str, Verdict] = {"kept": "kept", "broken": "broken", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Standing:
    """A promise, what the last check found, since when that is so, and the days of its year (the worst of each)."""

    promise: Promise
    finding: Finding
    checked_at: datetime | None
    since: datetime | None
    leaf_id: UUID | None
    leaf: LeafPlace | None
    history: Sequence[tuple[date, Verdict]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """The whole policy as it applies now. `coming` is the version that is published and not yet in effect.

    `sections` maps each section's number to its title and its promises.
    """

    version: Version
    coming: Version | None
    updated_at: datetime
    tally: Tally
    checked_at: datetime | None
    sections: dict[int, tuple[str, list[Standing]]]
    held: Sequence[Held]
    cookies: dict[str, str]
    facts: Facts


async def policy_page(services: Services) -> PolicyPage:
    """The policy with stored verdicts; runs no check."""
    async with services.db.control() as tx:
        stored = {row.promise: row for row in await tx.session.scalars(select(PromiseVerdict))}
        history = await _history(tx)
        leaves = await places_of(tx, [row.leaf_id for row in stored.values()])
        version, next_version = await in_effect(tx), await coming(tx)
        applies = await _sentences_of(tx, version) if next_version else {}
        counts = await tally(tx)
    sections: dict[int, tuple[str, list[Standing]]] = {}
    for each in promises():
        row = stored.get(each.id)
        leaf = leaves.get(row.leaf_id) if row else None
        standing = _standing(as_it_applies(each, applies), row, leaf, history.get(each.id, ()))
        sections.setdefault(each.section, (SECTIONS[each.section], []))[1].append(standing)
    return PolicyPage(
        version=version,
        coming=next_version,
        updated_at=version.effective_at or clock.now(),
        tally=counts,
        checked_at=max((row.checked_at for row in stored.values()), default=None),
        sections=sections,
        held=held(),
        cookies=COOKIES,
        facts=services.get(Facts),
    )


def _standing(
    made: Promise, row: PromiseVerdict | None, leaf: LeafPlace | None, history: Sequence[tuple[date, Verdict]]
) -> Standing:
    if row is None or made.check is None:
        return Standing(made, unknown(WAITING if made.check else NOT_CHECKED), None, None, None, None)
    evidence: dict[str, Any] = row.evidence
    found = Finding(VERDICTS[row.verdict], row.headline, row.figures, **evidence)
    return Standing(made, found, row.checked_at, row.since, row.leaf_id, leaf, history)


async def _history(tx: Tx) -> dict[str, list[tuple[date, Verdict]]]:
    """Each promise's days of the last year, oldest first."""
    query = select(PromiseDay.promise, PromiseDay.day, PromiseDay.verdict)
    query = query.where(PromiseDay.day >= clock.today() - YEAR)
    found: dict[str, list[tuple[date, Verdict]]] = {}
    for name, day, verdict in await tx.session.execute(query.order_by(PromiseDay.day)):
        found.setdefault(name, []).append((day, VERDICTS[verdict]))
    return found


async def _sentences_of(tx: Tx, version: Version) -> dict[str, str]:
    """The sentences of a version on record: promise to "§5 sentence"."""
    query = select(PolicyVersion.text).where(PolicyVersion.number == version.number)
    said: dict[str, dict[str, str]] = await tx.session.scalar(query) or {}
    return said.get("sentences", {})


def as_it_applies(made: Promise, applies: Mapping[str, str]) -> Promise:
    """The promise with the sentence that applies now, where a version that changes it has not taken effect yet."""
    said = applies.get(made.id, "").removeprefix(f"{made.clause} ")
    return replace(made, sentence=said) if said and said != made.sentence else made
