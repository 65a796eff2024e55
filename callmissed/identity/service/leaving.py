"""Leaving: a workspace or an account is closed, can be opened again for thirty days, and is then erased.

Closing takes effect everywhere with its commit: the doors of the tenant are shut in the database itself, keys in memory and
open streams end with the live news (foundation/doors.py). Nothing is changed or removed until the thirty days are over, so
opening again restores everything as it was.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from babel.dates import format_date

from callmissed.foundation import audit, clock, datamap, directory, doors, live, mail
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import recovery
from callmissed.identity.models import Closing, ClosingNotice
from callmissed.identity.problems import NotClosed, OwnsWorkspace, WordMissing
from callmissed.identity.remainder import Remainder, Remains
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import closing as repository
from callmissed.identity.repository import membership, team, tenant
from callmissed.identity.repository import sessions as sessions_sql
from callmissed.identity.service import alerts, members, sessions
from callmissed.identity.service.accounts import profile
from callmissed.identity.service.sessions import Current

KEYS_TOPIC = alerts.KEYS_TOPIC
AT_ONCE = 100
DAYS = recovery.DAYS


@dataclass(frozen=True, slots=True)
class Closed:
    """What the page of something closed shows. `by_me` says whether the reader may open it again."""

    kind: str
    name: str
    closed_at: datetime
    ends_at: datetime
    last_day: date
    by_me: bool
    is_being_erased: bool


def require_word(typed: str, word: str) -> None:
    """Raise WordMissing unless the word to confirm with was typed: the one shown, or the English one."""
    if typed.strip() not in {word, "ERASE"}:
        raise WordMissing


def last_day_from_now() -> date:
    """Until which day something could be opened again that is closed now."""
    return recovery.last_day(recovery.ends_at(clock.now()))


async def counts(tx: Tx) -> dict[str, int]:
    """Table name to the number of rows of this tenant that closing it would erase in the end."""
    return {table.name: await repository.count(tx, table) for table in datamap.erasable_tables()}


async def close_workspace(tx: Tx) -> Closing:
    """Close this transaction's tenant. From the commit on nobody enters it, on any node."""
    caller = tx.access.actor if tx.access else None
    row = await tenant(tx, tx.tenant_id)
    if row is None or caller is None or caller.kind != "user" or caller.id is None:
        raise NotFound
    known = await repository.open_closing(tx, row.id, for_update=True)
    if known is not None:
        return known
    row.state, row.closed_at = "closed", clock.now()
    made = await _begin(tx, "tenant", row.id, caller.id)
    leaf = await audit.record(tx, "identity:tenant:closed", target=row.id, body={"days": recovery.DAYS})
    day = recovery.last_day(made.ends_at)
    await alerts.tell(tx, caller.id, "closing", leaf=leaf, name=await _in_words(tx, caller.id, day))
    for member in await team.members(tx):
        if member.user_id != caller.id:
            await _write(tx, member.user_id, "member", made.ends_at)
    await doors.close(tx, row.id)
    await live.announce(tx, KEYS_TOPIC, {"tenant": str(row.id)})
    return made


async def close_ownerless(tx: Tx) -> None:
    """Close a workspace whose last owner was erased: nobody is left who could answer for it."""
    row = await tenant(tx, tx.tenant_id)
    if row is None or row.state != "active":
        return
    row.state, row.closed_at = "closed", clock.now()
    now = clock.now()
    end = recovery.ends_at(now)
    tx.session.add(Closing(id=uuid7(), kind="tenant", subject_id=row.id, closed_at=now, ends_at=end))
    for member in await team.members(tx):
        await _write(tx, member.user_id, "member", end)
    await audit.record(tx, "identity:tenant:closed_ownerless", target=row.id, body={})
    await doors.close(tx, row.id)
    await live.announce(tx, KEYS_TOPIC, {"tenant": str(row.id)})


async def closed(tx: Tx, who: Current) -> Closed | None:
    """What is closed for this person: their account, or the workspace they worked in. None when nothing is."""
    subject = who.user_id if who.state == "closed" else who.tenant_id
    found = await repository.open_closing(tx, subject) if subject else None
    if found is None:
        return None
    where = await tenant(tx, found.subject_id) if found.kind == "tenant" else None
    return Closed(
        found.kind,
        where.name if where else "",
        found.closed_at,
        found.ends_at,
        recovery.last_day(found.ends_at),
        by_me=found.closed_by == who.user_id,
        is_being_erased=found.erasing_at is not None or found.held_at is not None,
    )


async def reopen_workspace(tx: Tx) -> None:
    """Open this transaction's tenant again, as it was. Its access has the purpose "recovery". Raises NotClosed."""
    caller = tx.access.actor.id if tx.access else None
    account = await accounts_sql.account(tx, caller, for_update=True) if caller else None
    found = await repository.open_closing(tx, tx.tenant_id, for_update=True)
    row = await tenant(tx, tx.tenant_id)
    if found is None or row is None or found.closed_by != caller or _is_over(found):
        raise NotClosed
    if account is None or account.deactivated_at is not None:
        raise NotClosed  # the account first: a workspace is not opened for somebody who is gone
    found.reopened_at = clock.now()
    row.state, row.closed_at = "active", None
    await doors.open_again(tx, row.id)
    await audit.record(tx, "identity:tenant:reopened", target=row.id, body={})


async def leave_workspace(tx: Tx, user_id: UUID) -> UUID | None:
    """A member leaves this tenant; what they wrote stays with it, keys they made stop.

    Their browsers go on in another workspace of theirs; returns which, None when there is none. Raises OwnsWorkspace for its owner.
    """
    await team.hold_tenant(tx)
    member = await membership(tx, user_id)
    if member is None:
        raise NotFound
    if member.role == "owner":
        raise OwnsWorkspace
    await members.part_with(tx, member, sessions_ended=0, by_themselves=True)
    other = await directory.find(tx, sessions.WORKS_IN, str(user_id))
    to = other.tenant_id if other else None
    await sessions_sql.leave_workspace(tx, user_id, to)
    return to


async def leave_everything(db: Database, user_id: UUID) -> None:
    """A person leaves every workspace they work in, closed ones too, except a closed one of their own: it goes its way.

    Raises OwnsWorkspace for the owner of an open one, and then they have left none.
    """
    async with db.control() as tx:
        places = [each.tenant_id for each in await directory.find_all(tx, sessions.WORKS_IN, str(user_id))]
    to_leave: list[Access] = []
    for place in places:
        access = Access(place, Actor("user", user_id), purpose="recovery")
        async with db.tenant(access) as tx:
            member, where = await membership(tx, user_id), await tenant(tx, place)
        if member is None or member.role != "owner":
            to_leave.append(access)
        elif where is not None and where.state == "active":
            raise OwnsWorkspace
    for access in to_leave:
        async with db.tenant(access) as tx:
            await leave_workspace(tx, user_id)


async def close_account(tx: Tx, user_id: UUID) -> Closing:
    """Close an account that works in no open workspace any more, in a control transaction. Raises OwnsWorkspace."""
    row = await accounts_sql.account(tx, user_id, for_update=True)
    if row is None:
        raise NotFound
    places = await directory.find_all(tx, sessions.WORKS_IN, str(user_id))
    if await team.tenants(tx, [each.tenant_id for each in places]):
        raise OwnsWorkspace
    known = await repository.open_closing(tx, user_id)
    if known is not None:
        return known
    row.deactivated_at = clock.now()
    made = await _begin(tx, "account", user_id, user_id)
    leaf = await audit.record(
        tx, "identity:account:closed", subject=user_id, target=user_id, body={"days": recovery.DAYS}
    )
    day = recovery.last_day(made.ends_at)
    await alerts.tell(tx, user_id, "closing", leaf=leaf, name=await _in_words(tx, user_id, day))
    await live.end(tx, user_id)
    return made


async def reopen_account(tx: Tx, user_id: UUID) -> None:
    """Open an account again. Raises NotClosed."""
    row = await accounts_sql.account(tx, user_id, for_update=True)
    found = await repository.open_closing(tx, user_id, for_update=True)
    if row is None or found is None or _is_over(found):
        raise NotClosed
    row.deactivated_at, found.reopened_at = None, clock.now()
    await audit.record(tx, "identity:account:reopened", subject=user_id, target=user_id, body={})


def _is_over(found: Closing) -> bool:
    """Whether there is no way back: it is being erased, or would be, were it not for a legal hold."""
    return found.erasing_at is not None or found.held_at is not None


async def send_notices(tx: Tx, remainder: Remainder) -> int:
    """Send every notice that is due; how many were. A notice that was late puts off the end, so that 48 hours are left.

    It says too what law makes us keep after that, and until when: when it is erased, nobody can be written to any more.
    """
    now = clock.now()
    found = await repository.due_notices(tx, now, AT_ONCE)
    for notice, closing in found:
        notice.sent_at = now
        if notice.kind == "two_days":
            closing.ends_at = max(closing.ends_at, now + recovery.WARNED)
        if closing.closed_by is not None:
            remains = remainder.foretell("account", closing.closed_at)
            await _write(tx, closing.closed_by, notice.kind, closing.ends_at, remains)
    return len(found)


async def _begin(tx: Tx, kind: str, subject_id: UUID, user_id: UUID) -> Closing:
    now = clock.now()
    row = Closing(id=uuid7(), kind=kind, subject_id=subject_id, closed_by=user_id, closed_at=now)
    row.ends_at = recovery.ends_at(now)
    tx.session.add(row)
    for name, before in recovery.NOTICES.items():
        tx.session.add(ClosingNotice(id=uuid7(), closing_id=row.id, kind=name, due_at=row.ends_at - before))
    await tx.session.flush()
    return row


async def _write(tx: Tx, user_id: UUID, kind: str, end: datetime, remains: Remains | None = None) -> None:
    if await accounts_sql.account(tx, user_id) is None:
        return
    who = await profile(tx, user_id)
    day = await _in_words(tx, user_id, recovery.last_day(end))
    law, kept_until = "", ""
    if remains is not None:
        law, kept_until = remains.citation, await _in_words(tx, user_id, remains.destroy_on)
    await mail.queue(
        tx, user_id, who.email, "identity.closing", language=who.language, kind=kind, day=day, law=law,
        kept_until=kept_until,
    )  # fmt: skip


async def _in_words(tx: Tx, user_id: UUID, day: date) -> str:
    language = (await profile(tx, user_id)).language
    return format_date(day, "d MMMM y", locale=language)
