"""Versions of the policy: recorded, so that the date of the last change is true and every change can be seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.services import Services
from callmissed.privacy.facts import Facts
from callmissed.privacy.models import PolicyVersion
from callmissed.privacy.text import digest_of, policy_text, summary_of, written

FIRST = "First version"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the policy: its number, from when it applies, and what changed, in plain words."""

    number: int
    effective_at: datetime
    summary: str


async def newest(tx: Tx) -> PolicyVersion | None:
    """The newest version on record."""
    query = select(PolicyVersion).order_by(PolicyVersion.number.desc()).limit(1)
    return await tx.session.scalar(query)


async def publish_version(services: Services) -> Version | None:
    """Record what the policy says now as a new version, effective now; None when it is already on record.

    Source: Policy §12. Versions that take effect later need their notice first; they are not made here.
    """
    text = policy_text(services.get(Facts))
    async with services.db.control() as tx:
        last = await newest(tx)
        if last is not None and last.digest == digest_of(text):
            return None
        before: Mapping[str, Any] = last.text if last else {}
        made = PolicyVersion(
            number=last.number + 1 if last else 1,
            digest=digest_of(text),
            text=text,
            effective_at=clock.now(),
            summary=summary_of(before, text)[:1000] if last else FIRST,
        )
        tx.session.add(made)
        await tx.session.flush()
        body = {"number": made.number, "digest": made.digest, "summary": made.summary}
        body["effective_at"] = written(made.effective_at)
        await audit.record(tx, "privacy:policy:published", target=made.id, body=body)
        return Version(made.number, made.effective_at, made.summary)


async def ensure_version(services: Services) -> Version | None:
    """At start: record the first version, and outside production each changed one.

    In production a change is published by hand, and until then the promise change.date is broken.
    """
    async with services.db.control() as tx:
        last = await newest(tx)
    if last is not None and services.get(Facts).production:
        return None
    return await publish_version(services)
