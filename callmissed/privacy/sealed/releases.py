"""Handing out: a record leaves for an authority only when two people of staff have agreed, and never readable.

What is handed out is a file that two custodians open together, away from this installation. Each release stands in the register
and in the audit log before the file exists.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Conflict, Invalid, NotFound
from callmissed.foundation.tenancy import Actor
from callmissed.identity import staff
from callmissed.privacy.sealed.models import SealedRecord, SealedRelease

SHORTEST, LONGEST_ORDER, LONGEST_REFERENCE = 3, 120, 80


class SealedNotFound(NotFound):
    """There is no such sealed record or release. A record that was destroyed on its day is not there any more."""

    code = "sealed_not_found"


class ReleaseHasNoAuthority(Invalid):
    """Write who ordered it, in 3 to 120 letters, and the number of the order, in 3 to 80. Without an order nothing is handed out."""

    code = "release_has_no_authority"


class ReleaseSecondPerson(Conflict):
    """Two people hand out a sealed record: one of the staff asks for it, and somebody else agrees in the console."""

    code = "release_second_person"


class ReleaseAgreed(Conflict):
    """Somebody has agreed to this release already."""

    code = "release_agreed"


@dataclass(frozen=True, slots=True)
class Line:
    """One sealed record as the register shows it: what it is and when it goes, never whose it is or what is in it."""

    id: UUID
    kind: str
    data_class: str
    law: str
    citation: str
    sealed_at: datetime
    destroy_on: date


async def ask(tx: Tx, user_id: UUID, record_id: UUID, ordered_by: str, reference: str) -> UUID:
    """Ask for a record to be handed out. Returns the release's id. Raises SealedNotFound and ReleaseHasNoAuthority."""
    await staff.working(tx, user_id)
    ordered_by, reference = " ".join(ordered_by.split()), " ".join(reference.split())
    if (
        not SHORTEST <= len(ordered_by) <= LONGEST_ORDER
        or not SHORTEST <= len(reference) <= LONGEST_REFERENCE
    ):
        raise ReleaseHasNoAuthority
    if await tx.session.scalar(select(SealedRecord.id).where(SealedRecord.id == record_id)) is None:
        raise SealedNotFound
    row = SealedRelease(
        id=uuid7(), record_id=record_id, ordered_by=ordered_by, reference=reference, asked_by=user_id, asked_at=clock.now()
    )  # fmt: skip
    tx.session.add(row)
    await tx.session.flush()
    await _record(tx, "privacy:sealed:release_asked", row, user_id)
    return row.id


async def agree(tx: Tx, user_id: UUID, release_id: UUID) -> None:
    """Agree to what somebody else asked for. Raises SealedNotFound, ReleaseAgreed and ReleaseSecondPerson."""
    await staff.working(tx, user_id)
    row = await tx.session.get(SealedRelease, release_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise SealedNotFound
    if row.approved_by is not None:
        raise ReleaseAgreed
    if row.asked_by == user_id:
        raise ReleaseSecondPerson
    row.approved_by, row.approved_at = user_id, clock.now()
    await tx.session.flush()
    await _record(tx, "privacy:sealed:released", row, user_id)


async def file_of(tx: Tx, release_id: UUID) -> str:
    """The file of a release that was agreed to: ciphertext for two custodians, and on whose order. Each taking is written down.

    Raises SealedNotFound and ReleaseSecondPerson.
    """
    row = await tx.session.get(SealedRelease, release_id)
    if row is None:
        raise SealedNotFound
    if row.approved_by is None:
        raise ReleaseSecondPerson
    record = await _line(tx, row.record_id)
    blob = await tx.session.scalar(text("SELECT cm.read_sealed(:release)"), {"release": release_id})
    inner = await tx.vault.open_bytes(SealedRecord.blob, record.id, record.id, bytes(blob))
    await audit.record(tx, "privacy:sealed:file_taken", target=row.id, body={"record": str(record.id)})
    told: dict[str, Any] = {
        "record": str(record.id),
        "class": record.data_class,
        "law": record.law,
        "citation": record.citation,
        "destroy_on": record.destroy_on.isoformat(),
        "release": str(row.id),
        "ordered_by": row.ordered_by,
        "reference": row.reference,
        **json.loads(inner),
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


async def register(tx: Tx, limit: int = 200) -> Sequence[Line]:
    """What is sealed, what goes first at the top."""
    query = select(*_SHOWN).order_by(SealedRecord.destroy_on, SealedRecord.id).limit(limit)
    return [Line(*row) for row in (await tx.session.execute(query)).all()]


async def by_month(tx: Tx) -> Mapping[str, int]:
    """How many records are destroyed in each month to come, "2027-06" to the number."""
    month = func.to_char(SealedRecord.destroy_on, "YYYY-MM")
    query = select(month, func.count()).group_by(month).order_by(month)
    return {str(name): int(number) for name, number in (await tx.session.execute(query)).all()}


async def releases(tx: Tx) -> Sequence[SealedRelease]:
    """Everything that was ever asked for, the newest first."""
    return (await tx.session.scalars(select(SealedRelease).order_by(SealedRelease.id.desc()))).all()


_SHOWN = (
    SealedRecord.id, SealedRecord.kind, SealedRecord.data_class, SealedRecord.law, SealedRecord.citation,
    SealedRecord.sealed_at, SealedRecord.destroy_on,
)  # fmt: skip


async def _line(tx: Tx, record_id: UUID) -> Line:
    row = (await tx.session.execute(select(*_SHOWN).where(SealedRecord.id == record_id))).one_or_none()
    if row is None:
        raise SealedNotFound
    return Line(*row)


async def _record(tx: Tx, action: str, row: SealedRelease, user_id: UUID) -> None:
    body = {"record": str(row.record_id), "ordered_by": row.ordered_by, "reference": row.reference}
    await audit.record(tx, action, target=row.id, body=body, actor=Actor("staff", user_id))
