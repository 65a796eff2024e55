"""The verbs of holds. Each takes a person of staff whose role works, and leaves a record in the operator's audit log.

Records name the hold, never whom it is about: the log can be exported, and some holds are such that nobody may be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from callmissed.foundation import audit, clock, datamap, holds
from callmissed.foundation.database import Tx
from callmissed.foundation.holds import LegalHold
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import Actor
from callmissed.identity import staff
from callmissed.privacy.holds.problems import (
    HoldHasNoAuthority,
    HoldHasNoReference,
    HoldHasNoScope,
    HoldNotFound,
    HoldOver,
    HoldPersonUnusable,
    HoldReasonUnknown,
    HoldSecondPerson,
    HoldSpanUnusable,
    HoldTableUnknown,
    HoldTermUnusable,
    HoldWorkspaceUnknown,
)
from callmissed.privacy.law import Period, begins

AUTHORITIES = ("court", "agency", "litigation")
REASONS = ("evidence", "investigation", "dispute", "tax")
LONGEST = Period(days=365)
SHORTEST_TEXT, LONGEST_ORDER, LONGEST_REFERENCE = 3, 120, 80


@dataclass(frozen=True, slots=True)
class WantedHold:
    """What a person of staff wants frozen, and on whose order. Days are days in India, the last ones included."""

    tenant_id: UUID | None = None
    person_id: UUID | None = None
    relation: str = ""
    from_on: date | None = None
    until_on: date | None = None
    authority: str = ""
    ordered_by: str = ""
    reference: str = ""
    reason: str = ""
    gagged: bool = False
    expires_on: date | None = None


async def place(tx: Tx, user_id: UUID, wanted: WantedHold) -> UUID:
    """Freeze what is wanted, from the commit on. Returns the hold's id.

    Raises NotFound and UndertakingMissing for who is not on the staff, and a Problem that names the field that is wrong.
    """
    await staff.working(tx, user_id)
    row = await _checked(tx, wanted)
    row.placed_by = user_id
    await holds.change(tx)
    tx.session.add(row)
    await tx.session.flush()
    await _record(tx, row, "privacy:hold:placed", user_id, {"expires_on": row.expires_on.isoformat()})
    return row.id


async def renew(tx: Tx, user_id: UUID, hold_id: UUID, expires_on: date | None) -> None:
    """Give a hold in force another last day. Raises HoldNotFound, HoldOver and HoldTermUnusable."""
    await staff.working(tx, user_id)
    row = await _standing(tx, hold_id)
    row.expires_on, row.renewed_at = _term(expires_on), clock.now()
    row.release_asked_by = row.release_asked_at = None
    await _record(tx, row, "privacy:hold:renewed", user_id, {"expires_on": row.expires_on.isoformat()})


async def ask_release(tx: Tx, user_id: UUID, hold_id: UUID) -> None:
    """Ask for a hold's release, for which a second person is needed. Raises HoldNotFound and HoldOver."""
    await staff.working(tx, user_id)
    row = await _standing(tx, hold_id)
    if row.release_asked_by is not None:
        raise HoldOver
    row.release_asked_by, row.release_asked_at = user_id, clock.now()
    await _record(tx, row, "privacy:hold:release_asked", user_id, {})


async def release(tx: Tx, user_id: UUID, hold_id: UUID) -> None:
    """Agree to a release that somebody else asked for: what was frozen goes its way. Raises HoldNotFound, HoldOver and HoldSecondPerson."""
    await staff.working(tx, user_id)
    row = await _standing(tx, hold_id)
    if row.release_asked_by in {None, user_id}:
        raise HoldSecondPerson
    row.released_by, row.released_at = user_id, clock.now()
    await _record(tx, row, "privacy:hold:released", user_id, {})


async def listed(tx: Tx) -> Sequence[LegalHold]:
    """Every hold there ever was, the newest first."""
    return (await tx.session.scalars(select(LegalHold).order_by(LegalHold.id.desc()))).all()


def is_in_force(hold: LegalHold) -> bool:
    """Whether a hold freezes anything today."""
    return hold.released_at is None and hold.expires_on >= clock.today()


def tables() -> list[str]:
    """The tables that a hold can be limited to."""
    return sorted(table.name for table in datamap.tables())


async def _standing(tx: Tx, hold_id: UUID) -> LegalHold:
    """A hold in force, held until the transaction ends. Raises HoldNotFound and HoldOver."""
    await holds.change(tx)
    row = await tx.session.get(LegalHold, hold_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise HoldNotFound
    if not is_in_force(row):
        raise HoldOver
    return row


async def _checked(tx: Tx, wanted: WantedHold) -> LegalHold:
    if wanted.tenant_id is None and wanted.person_id is None:
        raise HoldHasNoScope(field="tenant")
    if wanted.tenant_id and wanted.tenant_id not in {each.id for each in await staff.tenants(tx)}:
        raise HoldWorkspaceUnknown(field="tenant")
    if wanted.person_id is not None and wanted.person_id.int == 0:
        raise HoldPersonUnusable(field="person_id")
    if wanted.relation and wanted.relation not in tables():
        raise HoldTableUnknown(field="relation")
    if wanted.from_on and wanted.until_on and wanted.until_on < wanted.from_on:
        raise HoldSpanUnusable(field="until_on")
    if wanted.authority not in AUTHORITIES:
        raise HoldHasNoAuthority(field="authority")
    if wanted.reason not in REASONS:
        raise HoldReasonUnknown(field="reason")
    ordered_by, reference = " ".join(wanted.ordered_by.split()), " ".join(wanted.reference.split())
    if not SHORTEST_TEXT <= len(ordered_by) <= LONGEST_ORDER:
        raise HoldHasNoAuthority(field="ordered_by")
    if not SHORTEST_TEXT <= len(reference) <= LONGEST_REFERENCE:
        raise HoldHasNoReference(field="reference")
    return LegalHold(
        id=uuid7(),
        tenant_id=wanted.tenant_id,
        person_id=wanted.person_id,
        relation=wanted.relation or None,
        from_at=begins(wanted.from_on) if wanted.from_on else None,
        until_at=begins(Period(days=1).last_day(wanted.until_on)) if wanted.until_on else None,
        authority=wanted.authority,
        ordered_by=ordered_by,
        reference=reference,
        reason=wanted.reason,
        gagged=wanted.gagged,
        renewed_at=clock.now(),
        expires_on=_term(wanted.expires_on),
    )


def _term(expires_on: date | None) -> date:
    today = clock.today()
    if expires_on is None or not today <= expires_on <= LONGEST.last_day(today):
        raise HoldTermUnusable(field="expires_on")
    return expires_on


async def _record(tx: Tx, row: LegalHold, action: str, user_id: UUID, body: dict[str, Any]) -> None:
    body = {"authority": row.authority, "reference": row.reference, **body}
    await audit.record(tx, action, target=row.id, body=body, actor=Actor("staff", user_id))
