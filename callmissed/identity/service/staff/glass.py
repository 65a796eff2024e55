"""Breaking the glass: looking without the tenant's approval, when an authority's order or an incident leaves no other way.

It takes two different people, one of them from security; it lasts an hour at most; and it cannot be done in silence: the
letters that raise the alarm and the leaves in both logs stand in the transaction that opens it, or it does not open.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Forbidden
from callmissed.foundation.tenancy import Actor
from callmissed.identity.models.staff import StaffAccess, StaffMember
from callmissed.identity.repository import staff as repository
from callmissed.identity.service.onboarding import workspace
from callmissed.identity.service.staff.access import (
    Asked,
    enter,
    existing,
    request,
    state_of,
    write,
)
from callmissed.identity.service.staff.members import working
from callmissed.identity.staff_problems import (
    AlreadyDecided,
    AuthorityMissing,
    NobodyToAlarm,
    SecondPersonNeeded,
)
from callmissed.identity.staff_roles import STAFF_ROLES

LONGEST = 60
"""Minutes."""

ALARMED = ("security", "privacy")
"""Staff roles that hear of it at once; the privacy officer must be among them."""


async def begin(tx: Tx, user_id: UUID, wanted: Asked) -> UUID:
    """Somebody from security asks for the glass of this tenant. Nothing opens before a second person agrees.

    Raises NotFound, UndertakingMissing, Forbidden, AuthorityMissing, ReasonTooShort, DurationUnusable, ScopeUnusable.
    """
    who = await working(tx, user_id)
    if "operator.glass" not in STAFF_ROLES[who.role].permissions:
        raise Forbidden
    authority = " ".join(wanted.authority.split())
    if not 5 <= len(authority) <= 200:
        raise AuthorityMissing
    row = request(tx, who, replace(wanted, minutes=min(wanted.minutes, LONGEST)), "glass")
    row.authority = authority
    tx.session.add(row)
    await enter(tx, row)
    body = {"scope": row.scope, "minutes": row.minutes, "by": row.handle, "authority": authority}
    await _in_both_logs(tx, "identity:staff:glass_asked", row, user_id, body)
    return row.id


async def second(tx: Tx, access_id: UUID, user_id: UUID, link: str) -> None:
    """A second person agrees: it opens now, and the alarm goes out with it.

    Raises NotFound, UndertakingMissing, AccessNotFound, AlreadyDecided, SecondPersonNeeded, NobodyToAlarm.
    """
    who = await working(tx, user_id)
    row = await existing(tx, access_id)
    if row.kind != "glass" or state_of(row) != "waiting":
        raise AlreadyDecided
    first = await working(tx, row.asked_by)
    if who.user_id == row.asked_by or "operator.second" not in STAFF_ROLES[who.role].permissions:
        raise SecondPersonNeeded
    if "operator.glass" not in STAFF_ROLES[first.role].permissions:
        raise SecondPersonNeeded
    now = clock.now()
    row.seconded_by, row.second_handle = who.user_id, who.handle
    row.opened_at, row.ends_at = now, now + timedelta(minutes=row.minutes)
    await tx.session.flush()
    letters = await _alarm(tx, row, link)
    body = {
        "scope": row.scope, "minutes": row.minutes, "by": row.handle, "second": who.handle,
        "authority": row.authority, "letters": letters,
    }  # fmt: skip
    await _in_both_logs(tx, "identity:staff:glass_opened", row, user_id, body)


async def _alarm(tx: Tx, row: StaffAccess, link: str) -> int:
    """Write to every owner of the tenant, to security and to the privacy officer; how many letters. Raises NobodyToAlarm."""
    owners = list(await repository.people(tx, ("owner",)))
    inside = [each for each in await repository.members(tx) if _is_alarmed(each)]
    if not owners or not set(ALARMED) <= {each.role for each in inside}:
        raise NobodyToAlarm
    firm = await workspace(tx)
    told = {
        "firm": firm.name, "by": row.handle, "second": row.second_handle, "minutes": row.minutes,
        "reason": row.reason, "authority": row.authority, "link": link,
    }  # fmt: skip
    for person_id in owners:
        await write(tx, person_id, "identity.staff_glass_opened", **told)
    for member in inside:
        await write(tx, member.user_id, "identity.staff_glass_alarm", **told)
    return len(owners) + len(inside)


def _is_alarmed(member: StaffMember) -> bool:
    return member.role in ALARMED and member.removed_at is None


async def _in_both_logs(
    tx: Tx, action: str, row: StaffAccess, user_id: UUID, body: Mapping[str, object]
) -> None:
    """One leaf in the tenant's log and one in the operator's, or neither."""
    actor = Actor("staff", user_id)
    await audit.record(tx, action, target=row.id, body=body, actor=actor)
    async with tx.operators_side() as platform:
        await audit.record(
            platform, action, target=row.id, body={**body, "tenant": str(row.tenant_id)}, actor=actor
        )
