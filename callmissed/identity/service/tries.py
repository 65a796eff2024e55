"""Counting against guessing: five wrong tries under one account or from one network close it for a quarter of an hour.

A browser that is known to the account is counted by itself instead, and all of them together: see `known_browsers`. What must be counted is
returned, not raised, so that the count is committed.
"""

from datetime import datetime, timedelta
from types import MappingProxyType

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Problem
from callmissed.identity import repository
from callmissed.identity.contact_points import network_of
from callmissed.identity.models import SignInCounter
from callmissed.identity.problems import SignInLocked

CLOSED = timedelta(minutes=15)
MOST: MappingProxyType[str, int] = MappingProxyType(
    {
        # wrong tries
        "guess:email": 5,
        "guess:network": 5,
        "guess:browser": 5,
        "guess:known": 20,
        "second:user": 5,
        "proof:user": 5,
        # codes that are sent
        "code:email": 10,
        "code:network": 100,
        "code:browser": 10,
        "code:known": 20,
        # questions put to nobody in particular: many people may share a network
        "ask:network": 3_000,
    }
)
"""Kind of counter to how many it lets pass in a quarter of an hour: by account or address, by network, by a known browser,
and over all browsers that are known to one address."""

Counters = tuple[SignInCounter, ...]


async def open_counters(
    tx: Tx,
    what: str,
    subject: bytes,
    network: str,
    now: datetime,
    closed: type[Problem],
    *,
    known_as: bytes | None,
) -> Counters:
    """The counters by account and by network address, always taken in this order; of a known browser, its own and theirs.

    Raises `closed` when one of them is.
    """
    if known_as is not None:
        own = await open_counter(tx, f"{what}:browser", known_as, now, closed)
        return own, await open_counter(tx, f"{what}:known", subject, now, closed)
    by_account = await open_counter(tx, f"{what}:email", subject, now, closed)
    return by_account, await open_counter(tx, f"{what}:network", _network(tx, network), now, closed)


async def count_asking(tx: Tx, network: str, closed: type[Problem]) -> None:
    """Count a question that anybody may have put to them. Raises `closed` when a network has had too many."""
    now = clock.now()
    count(await open_counter(tx, "ask:network", _network(tx, network), now, closed), now)


async def open_counter(
    tx: Tx, kind: str, subject: bytes, now: datetime, closed: type[Problem]
) -> SignInCounter:
    """One counter, held until the transaction ends. Raises `closed` when it is."""
    counter = await repository.counter(tx, kind, subject, now)
    if counter.locked_until is not None and counter.locked_until > now:
        raise closed(retry_after=int((counter.locked_until - now).total_seconds()) + 1)
    return counter


def _network(tx: Tx, network: str) -> bytes:
    return tx.vault.platform_index("sign_in.network", network_of(network))


async def wrong(tx: Tx, counters: Counters, now: datetime, kind: type[Problem]) -> Problem:
    """Count a wrong try and say how many are left, as a problem of this kind; at none, SignInLocked."""
    left = min(count(each, now) for each in counters)
    if left == 0:
        await audit.record(tx, "identity:sign_in:locked", body={"minutes": CLOSED.seconds // 60})
        return SignInLocked(retry_after=int(CLOSED.total_seconds()))
    return kind(tries_left=left)


def count(counter: SignInCounter, now: datetime) -> int:
    """Count one more in the current quarter of an hour; returns how many are left, and closes at none."""
    limit = MOST[counter.kind]
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
