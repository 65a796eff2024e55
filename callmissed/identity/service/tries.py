"""Counting against guessing: five wrong tries under one account or from one network close it for a quarter of an hour.

What must be counted is returned, not raised, so that the count is committed.
"""

from datetime import datetime, timedelta

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Problem
from callmissed.identity import repository
from callmissed.identity.contact_points import network_of
from callmissed.identity.models import SignInCounter
from callmissed.identity.problems import SignInLocked

CLOSED = timedelta(minutes=15)
TRIES = 5

Counters = tuple[SignInCounter, SignInCounter]


async def open_counters(
    tx: Tx, what: str, subject: bytes, network: str, now: datetime, closed: type[Problem]
) -> Counters:
    """The counters by account and by network address, always taken in this order. Raises `closed` when either is."""
    network_index = tx.vault.platform_index("sign_in.network", network_of(network))
    by_email = await repository.counter(tx, f"{what}:email", subject, now)
    by_network = await repository.counter(tx, f"{what}:network", network_index, now)
    until = max((each.locked_until for each in (by_email, by_network) if each.locked_until), default=now)
    if until > now:
        raise closed(retry_after=int((until - now).total_seconds()) + 1)
    return by_email, by_network


async def wrong(tx: Tx, counters: Counters, now: datetime, kind: type[Problem]) -> Problem:
    """Count a wrong try and say how many are left, as a problem of this kind; at none, SignInLocked."""
    left = min(count(each, TRIES, now) for each in counters)
    if left == 0:
        await audit.record(tx, "identity:sign_in:locked", body={"minutes": CLOSED.seconds // 60})
        return SignInLocked(retry_after=int(CLOSED.total_seconds()))
    return kind(tries_left=left)


def count(counter: SignInCounter, limit: int, now: datetime) -> int:
    """Count one more in the current quarter of an hour; returns how many are left, and closes at none."""
    if counter.counted_from + CLOSED <= now:
        counter.tries, counter.counted_from = 0, now
    counter.tries += 1
    if counter.tries < limit:
        return limit - counter.tries
    counter.tries, counter.counted_from, counter.locked_until = 0, now, now + CLOSED
    return 0


def forgive(counter: SignInCounter) -> None:
    """Start to count afresh: whoever proved themselves is no guesser."""
    counter.tries, counter.locked_until = 0, None
