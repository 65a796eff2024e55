"""Children: the service is for people of 18 or older (Policy §9). A sign of a child locks the account, and has to be settled.

Reported by anybody to the operator, who enters it with `callmissed child report`, looks, and settles it: the account is
erased at once, or it is an adult's after all and works again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, live
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound
from callmissed.identity.contact_points import read_email
from callmissed.identity.models import ChildSignal, Closing
from callmissed.identity.problems import SignalNotFound
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import children as repository
from callmissed.identity.repository import closing as closing_sql
from callmissed.identity.repository import sessions as sessions_sql
from callmissed.identity.service.accounts import EMAIL_INDEX

PROMPTLY = timedelta(hours=72)
"""How soon a sign is settled."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A sign of a child: about which account, since when, and by when it is settled."""

    id: UUID
    user_id: UUID
    reported_at: datetime
    due_at: datetime


async def report(tx: Tx, typed_email: str) -> Signal:
    """Note a sign that this account is a child's, and lock it. Raises EmailUnusable, and NotFound for an unknown address."""
    index = tx.vault.platform_index(EMAIL_INDEX, read_email(typed_email).lookup)
    account = await accounts_sql.account_under(tx, index)
    if account is None:
        raise NotFound
    known = await repository.open_signal(tx, account.id)
    if known is not None:
        return _signal(known)
    now = clock.now()
    row = ChildSignal(id=uuid7(), created_at=now, user_id=account.id, due_at=now + PROMPTLY)
    tx.session.add(row)
    account.deactivated_at = now
    for each in await sessions_sql.revoke_sessions(tx, account.id, now):
        await live.end(tx, each)
    await audit.record(tx, "identity:child:reported", subject=account.id, target=row.id, body={})
    return _signal(row)


async def open_signals(tx: Tx) -> list[Signal]:
    """What waits to be settled, the oldest first."""
    return [_signal(row) for row in await repository.open_signals(tx)]


async def settle(tx: Tx, signal_id: UUID, *, is_child: bool) -> None:
    """Decide: a child's account is erased within the minute, an adult's works again. Raises SignalNotFound."""
    row = await repository.signal(tx, signal_id)
    if row is None or row.settled_at is not None:
        raise SignalNotFound
    account = await accounts_sql.account(tx, row.user_id, for_update=True)
    now = clock.now()
    row.settled_at, row.outcome = now, "erased" if is_child else "adult"
    if account is not None and is_child:
        tx.session.add(Closing(id=uuid7(), kind="account", subject_id=account.id, closed_at=now, ends_at=now))
    elif account is not None and await closing_sql.open_closing(tx, account.id) is None:
        account.deactivated_at = None
    await audit.record(
        tx, "identity:child:settled", subject=row.user_id, target=row.id, body={"outcome": row.outcome}
    )


def _signal(row: ChildSignal) -> Signal:
    return Signal(row.id, row.user_id, row.created_at, row.due_at)
