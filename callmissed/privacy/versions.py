"""Versions of the policy: draft, published, in effect. A material change takes effect 30 days after the last person was told.

What the running program says is the draft, as soon as it differs from the newest version. Publishing records it; in production
a material change is told to everybody first (see `deliveries`), and has no day of effect until everybody was (Policy §12).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Conflict, Invalid
from callmissed.foundation.services import Services
from callmissed.privacy.changes import Change, changes
from callmissed.privacy.facts import Facts
from callmissed.privacy.models import PolicyVersion
from callmissed.privacy.text import PolicyText, digest_of, policy_text, summary_of, written

Notice = Literal["first", "told", "minor", "law", "laptop"]
"""How people come to know: the first version; told 30 days before; nothing material; law requires it at once; no production."""

FIRST = "First version"
LONGEST_LAW, SHORTEST_LAW = 300, 8


class VersionWaits(Conflict):
    """A version is published and has not taken effect yet. Publish the next one after that."""

    code = "version_waits"


class LawNeeded(Invalid):
    """Name the law that requires the change at once: act or rule, and section."""

    code = "version_law_needed"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the policy: its number, how people come to know, from when it applies (None: while they are being told),
    and what changed, in plain words.
    """

    number: int
    effective_at: datetime | None
    summary: str
    notice: str = "first"
    published_at: datetime | None = None
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What the running program says otherwise than the newest version: nothing, or the changes with what they mean."""

    changes: Sequence[Change]
    summary: str

    @property
    def is_material(self) -> bool:
        """Whether people must be told 30 days before."""
        return any(each.material for each in self.changes)


async def newest(tx: Tx) -> PolicyVersion | None:
    """The newest version on record, in effect or not."""
    query = select(PolicyVersion).order_by(PolicyVersion.number.desc()).limit(1)
    return await tx.session.scalar(query)


async def draft(tx: Tx, facts: Facts) -> Draft | None:
    """What would be published now; None where the newest version says all of it."""
    last, said = await newest(tx), policy_text(facts)
    if last is not None and last.digest == digest_of(said):
        return None
    before: Mapping[str, Any] = last.text if last else {}
    return Draft(changes(before, said) if last else [], summary_of(before, said) if last else FIRST)


async def publish_version(services: Services, *, required_by: str | None = None) -> Version | None:
    """Record what the policy says now as a new version; None when it is already on record.

    In production a material change waits for its notices; `required_by` names a law that requires it at once instead. On a
    laptop, and where nothing material changed, it applies now. Raises VersionWaits and LawNeeded. Source: Policy §12.
    """
    if required_by is not None and not SHORTEST_LAW <= len(required_by.strip()) <= LONGEST_LAW:
        raise LawNeeded
    facts = services.get(Facts)
    async with services.db.control() as tx:
        last, made = await newest(tx), await draft(tx, facts)
        if made is None:
            return None
        if last is not None and last.effective_at is None and last.notice == "told":
            raise VersionWaits
        if last is not None and last.effective_at is not None and last.effective_at > clock.now():
            raise VersionWaits
        row = _row(facts, last, made, required_by)
        tx.session.add(row)
        await tx.session.flush()
        body = {"number": row.number, "digest": row.digest, "summary": row.summary, "notice": row.notice}
        if row.effective_at is not None:
            body["effective_at"] = written(row.effective_at)
        await audit.record(tx, "privacy:policy:published", target=row.id, body=body)
        return as_version(row, made.changes)


def _row(facts: Facts, last: PolicyVersion | None, made: Draft, required_by: str | None) -> PolicyVersion:
    said: PolicyText = policy_text(facts)
    notice = _notice(facts, last, made, required_by)
    return PolicyVersion(
        number=last.number + 1 if last else 1,
        digest=digest_of(said),
        text=said,
        published_at=clock.now(),
        notice=notice,
        required_by=required_by.strip() if required_by and notice == "law" else None,
        effective_at=None if notice == "told" else clock.now(),
        summary=made.summary[:1000],
    )


def _notice(facts: Facts, last: PolicyVersion | None, made: Draft, required_by: str | None) -> Notice:
    if last is None:
        return "first"
    if not facts.production:
        return "laptop"
    if not made.is_material:
        return "minor"
    return "law" if required_by is not None else "told"


def as_version(row: PolicyVersion, changed: Sequence[Change] = ()) -> Version:
    """A version as others see it."""
    return Version(row.number, row.effective_at, row.summary, row.notice, row.published_at, changed)


async def in_effect(tx: Tx) -> Version:
    """The version that applies now; number 0 before there is one."""
    query = select(PolicyVersion).where(PolicyVersion.effective_at <= clock.now())
    row = await tx.session.scalar(query.order_by(PolicyVersion.number.desc()).limit(1))
    return as_version(row) if row else Version(0, clock.now(), "")


async def all_versions(tx: Tx) -> list[Version]:
    """Every version with what it changed, newest first."""
    rows = list(await tx.session.scalars(select(PolicyVersion).order_by(PolicyVersion.number)))
    before: list[Mapping[str, Any]] = [{}, *(row.text for row in rows)]
    found = [
        as_version(row, changes(old, row.text) if old else []) for row, old in zip(rows, before, strict=False)
    ]
    return found[::-1]


async def announced(tx: Tx) -> Version | None:
    """The version that is published and not yet in effect, without its changes: for a line on every page."""
    query = select(
        PolicyVersion.number, PolicyVersion.effective_at, PolicyVersion.summary, PolicyVersion.notice
    ).order_by(PolicyVersion.number.desc())
    row = (await tx.session.execute(query.limit(1))).one_or_none()
    if row is None or (row.effective_at is not None and row.effective_at <= clock.now()):
        return None
    return Version(row.number, row.effective_at, row.summary, row.notice)


async def coming(tx: Tx) -> Version | None:
    """The version that is published and not yet in effect, with what it changes."""
    row = await newest(tx) if await announced(tx) else None
    if row is None:
        return None
    query = select(PolicyVersion.text).where(PolicyVersion.number == row.number - 1)
    return as_version(row, changes(await tx.session.scalar(query) or {}, row.text))


async def ensure_version(services: Services) -> Version | None:
    """At start: record the first version, and outside production each changed one.

    In production a change is published by hand, and until then the promise change.date is broken.
    """
    async with services.db.control() as tx:
        last = await newest(tx)
    if last is not None and services.get(Facts).production:
        return None
    return await publish_version(services)
