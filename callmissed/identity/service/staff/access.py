"""Access to what a tenant holds: staff ask, the tenant decides, and it ends by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from callmissed.foundation import audit, clock, directory, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import Actor
from callmissed.identity.models.staff import StaffAccess, StaffMember
from callmissed.identity.repository import staff as repository
from callmissed.identity.roles import ROLES
from callmissed.identity.service import accounts
from callmissed.identity.service.onboarding import workspace
from callmissed.identity.service.staff.members import working
from callmissed.identity.staff_problems import (
    AccessNotFound,
    AlreadyDecided,
    DurationUnusable,
    OwnRequest,
    ReasonTooShort,
    ScopeUnusable,
    TooManyWaiting,
)
from callmissed.identity.staff_roles import SCOPES, STAFF_ROLES

FOUND = "staff_access"
"""Kind of the directory entries that lead from a request to its tenant."""
ALL = "all"

LAPSES = timedelta(days=7)
"""A request that nobody has decided by then is over."""

MOST_WAITING = 5
"""Requests of one person that may wait at one tenant."""

SHORTEST_REASON, LONGEST_REASON = 20, 1000
SHORTEST, LONGEST = 15, 480
"""Minutes."""

DECIDERS = tuple(role for role, permissions in ROLES.items() if "privacy.write" in permissions)
"""Roles of a tenant that decide, and are written to."""

SHOWN, TOLD = 50, 2000

AccessState = Literal["waiting", "lapsed", "refused", "open", "ended"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person of staff asks for. `link` is where the tenant answers."""

    scope: str
    reason: str
    minutes: int
    target_id: UUID | None = None
    authority: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a request's story: what happened, by whom before the tenant, and for what was read its page or row."""

    at: datetime
    action: str
    by: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """A request as both sides see it."""

    id: UUID
    tenant_id: UUID
    kind: str
    state: AccessState
    asked_by: UUID
    handle: str
    role: str
    second_handle: str | None
    reason: str
    authority: str | None
    scope: str
    target_id: UUID | None
    minutes: int
    asked_at: datetime
    opened_at: datetime | None
    ends_at: datetime | None
    ended_at: datetime | None
    acknowledged_at: datetime | None
    reads: int


async def ask(tx: Tx, user_id: UUID, wanted: Asked) -> UUID:
    """A person of staff asks this transaction's tenant, whose deciders get a letter. Returns the request's id.

    Raises NotFound, UndertakingMissing, TooManyWaiting, ReasonTooShort, DurationUnusable and ScopeUnusable.
    """
    who = await working(tx, user_id)
    if await repository.waiting_of(tx, user_id, clock.now() - LAPSES) >= MOST_WAITING:
        raise TooManyWaiting
    row = request(tx, who, wanted, "approval")
    tx.session.add(row)
    await enter(tx, row)
    firm = await workspace(tx)
    for person_id in await repository.people(tx, DECIDERS):
        await write(
            tx, person_id, "identity.staff_access_asked", firm=firm.name, by=row.handle, reason=row.reason,
            minutes=row.minutes, link=wanted.link,
        )  # fmt: skip
    body = {"scope": row.scope, "minutes": row.minutes, "by": row.handle, "role": row.role}
    await audit.record(
        tx, "identity:staff:access_asked", target=row.id, body=body, actor=Actor("staff", user_id)
    )
    return row.id


def request(tx: Tx, who: StaffMember, wanted: Asked, kind: str) -> StaffAccess:
    """The row of a request, once it can be used. Raises ReasonTooShort, DurationUnusable and ScopeUnusable."""
    reason = " ".join(wanted.reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise ReasonTooShort
    if not SHORTEST <= wanted.minutes <= LONGEST:
        raise DurationUnusable
    may_ask = SCOPES.keys() if kind == "glass" else STAFF_ROLES[who.role].scopes
    if wanted.scope not in may_ask or (wanted.scope == "conversation") != (wanted.target_id is not None):
        raise ScopeUnusable
    return StaffAccess(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        kind=kind,
        asked_by=who.user_id,
        handle=who.handle,
        role=who.role,
        reason=reason,
        scope=wanted.scope,
        target_id=wanted.target_id,
        minutes=wanted.minutes,
        reads=0,
    )


async def enter(tx: Tx, row: StaffAccess) -> None:
    """Have the console find a request again."""
    await tx.session.flush()
    await directory.put(tx, FOUND, ALL, row.id)


async def approve(tx: Tx, access_id: UUID) -> None:
    """The tenant lets staff look, from now on and for the time asked. Raises AccessNotFound, AlreadyDecided and OwnRequest."""
    row, decider = await _waiting(tx, access_id)
    now = clock.now()
    row.decided_by, row.opened_at, row.ends_at = decider, now, now + timedelta(minutes=row.minutes)
    await tx.session.flush()
    body = {"scope": row.scope, "minutes": row.minutes, "by": row.handle}
    await audit.record(tx, "identity:staff:access_approved", target=row.id, body=body)


async def refuse(tx: Tx, access_id: UUID) -> None:
    """The tenant says no. Raises AccessNotFound, AlreadyDecided and OwnRequest."""
    row, decider = await _waiting(tx, access_id)
    row.decided_by, row.refused_at = decider, clock.now()
    await audit.record(tx, "identity:staff:access_refused", target=row.id, body={"by": row.handle})


async def end(tx: Tx, access_id: UUID) -> None:
    """End an access before its time, broken glass too. Raises AccessNotFound, and AlreadyDecided where nothing is open."""
    row = await existing(tx, access_id)
    if state_of(row) != "open":
        raise AlreadyDecided
    row.ended_at = clock.now()
    await audit.record(tx, "identity:staff:access_ended", target=row.id, body={"by": row.handle})


async def leave(tx: Tx, access_id: UUID, user_id: UUID) -> None:
    """A person of staff ends what they were let into. Raises AccessNotFound for who has no part in it, and AlreadyDecided."""
    row = await existing(tx, access_id)
    if user_id not in {row.asked_by, row.seconded_by}:
        raise AccessNotFound
    if state_of(row) != "open":
        raise AlreadyDecided
    row.ended_at = clock.now()
    actor = Actor("staff", user_id)
    await audit.record(tx, "identity:staff:access_left", target=row.id, body={"by": row.handle}, actor=actor)


async def acknowledge(tx: Tx, access_id: UUID) -> None:
    """A person of the tenant has taken note of broken glass; its banner goes. Repeating it changes nothing.

    Raises AccessNotFound, and OwnRequest for a program: a banner that nobody has seen has to stay.
    """
    row = await existing(tx, access_id)
    if tx.access is None or tx.access.actor.kind != "user":
        raise OwnRequest
    if row.kind != "glass" or row.opened_at is None:
        raise AccessNotFound
    if row.acknowledged_at is None:
        row.acknowledged_at = clock.now()
        await audit.record(tx, "identity:staff:glass_acknowledged", target=row.id, body={"by": row.handle})


async def cards(tx: Tx) -> list[Card]:
    """The tenant's requests, newest first."""
    return [card_of(row) for row in await repository.accesses(tx, SHOWN, clock.now())]


async def card(tx: Tx, access_id: UUID) -> Card:
    """One request. Raises AccessNotFound."""
    return card_of(await existing(tx, access_id))


async def broken_glass(tx: Tx) -> list[Card]:
    """Broken glass that the tenant has not acknowledged: the banner of its workspace."""
    return [card_of(row) for row in await repository.unacknowledged_glass(tx)]


async def story(tx: Tx, access_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    """What happened under these requests, from the audit log, each newest first."""
    told: dict[UUID, list[Step]] = {each: [] for each in access_ids}
    for leaf in await repository.leaves(tx, access_ids, TOLD):
        if leaf.target_id and leaf.action.startswith("identity:staff:"):
            step = Step(
                leaf.created_at, leaf.action.rsplit(":", 1)[1], str(leaf.body.get("by", "")), leaf.body
            )
            told[leaf.target_id].append(step)
    return told


async def existing(tx: Tx, access_id: UUID) -> StaffAccess:
    """One request of this tenant, held until the transaction ends. Raises AccessNotFound."""
    row = await repository.access(tx, access_id, for_update=True)
    if row is None:
        raise AccessNotFound
    return row


def state_of(row: StaffAccess) -> AccessState:
    """Where a request stands now, by the clock: no job has to run for it to end."""
    now = clock.now()
    if row.refused_at is not None:
        return "refused"
    if row.ends_at is None or row.opened_at is None:
        return "lapsed" if row.created_at + LAPSES <= now else "waiting"
    return "open" if row.opened_at <= now < row.ends_at and row.ended_at is None else "ended"


async def _waiting(tx: Tx, access_id: UUID) -> tuple[StaffAccess, UUID]:
    """A request that waits for the tenant, and who decides about it."""
    row = await existing(tx, access_id)
    if row.kind != "approval" or state_of(row) != "waiting":
        raise AlreadyDecided
    who = tx.access.actor if tx.access else None
    if who is None or who.kind != "user" or who.id is None or who.id == row.asked_by:
        raise OwnRequest
    return row, who.id


async def write(tx: Tx, person_id: UUID, letter: str, **told: Any) -> None:
    """One letter to an account holder, in their language."""
    who = await accounts.profile(tx, person_id)
    await mail.queue(tx, person_id, who.email, letter, language=who.language, **told)


def card_of(row: StaffAccess) -> Card:
    """A request as it is shown now."""
    return Card(
        row.id,
        row.tenant_id,
        row.kind,
        state_of(row),
        row.asked_by,
        row.handle,
        row.role,
        row.second_handle,
        row.reason,
        row.authority,
        row.scope,
        row.target_id,
        row.minutes,
        row.created_at,
        row.opened_at,
        row.ends_at,
        row.ended_at,
        row.acknowledged_at,
        row.reads,
    )
