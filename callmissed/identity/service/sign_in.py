"""Signing in with a code sent by e-mail. Signing up is the same act: a new address becomes an account when it proves itself.

Asking for a code never looks at accounts, so nothing about them can be learned from the answer, its wording or its
time. A code is six digits, works ten minutes, once, and only in the browser that asked for it; only a keyed hash of it
is kept. Five wrong ones, under one e-mail address or from one network address, close sign-in there for a quarter of an
hour. What must be counted is returned, not raised, so that the count is committed.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, directory, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.identity import repository
from callmissed.identity.contact_points import network_of, read_email
from callmissed.identity.models import SignInCode, SignInCounter, UserAccount
from callmissed.identity.problems import (
    CodeExpired,
    CodeIncomplete,
    CodeReplaced,
    CodeUsed,
    CodeWrong,
    SignInLocked,
    TooManyCodes,
)
from callmissed.identity.service import sessions
from callmissed.identity.service.accounts import EMAIL_INDEX, begin_account

VALID = timedelta(minutes=10)
CLOSED = timedelta(minutes=15)
TRIES = 5
CODES_PER_EMAIL = 10
CODES_PER_NETWORK = 100
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Asked:
    """A code is on its way: what the browser must hold to redeem it, and until when it works."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """A code this browser has asked for and not redeemed yet."""

    address: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person is signed in: the new session's token, and the workspace they come into, None before they have one."""

    token: str
    user_id: UUID
    tenant_id: UUID | None


def cookie_name(*, production: bool) -> str:
    """The cookie that binds a code to the browser that asked for it, for ten minutes."""
    return "__Host-cm_sign_in" if production else "cm_sign_in"


async def ask(tx: Tx, typed_email: str, network: str, language: str) -> Asked:
    """Send a code. Does the same work for every address.

    Raises EmailUnusable, SignInLocked and TooManyCodes.
    """
    email, now = read_email(typed_email), clock.now()
    index = tx.vault.platform_index(EMAIL_INDEX, email.lookup)
    await _open_counters(tx, "guess", index, network, now, SignInLocked)
    by_email, by_network = await _open_counters(tx, "code", index, network, now, TooManyCodes)
    _count(by_email, CODES_PER_EMAIL, now)
    _count(by_network, CODES_PER_NETWORK, now)
    await repository.replace_codes(tx, index, now)
    token, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    row = SignInCode(id=uuid7(), email_index=index, language=language, expires_at=now + VALID)
    row.token_hash = tx.vault.keyed_hash("sign_in_token", token)
    row.code_hash = _code_hash(tx, row.id, code)
    box = await tx.vault.person(row.id, mail.RETENTION_CLASS)
    row.address = box.seal(SignInCode.address, row.id, email.address)
    tx.session.add(row)
    await mail.queue(
        tx,
        row.id,
        email.address,
        "identity.sign_in_code",
        language=language,
        within=VALID,
        code=code,
        minutes=VALID.seconds // 60,
    )
    await audit.record(tx, "identity:code:sent", target=row.id, body={})
    return Asked(token, row.expires_at)


async def pending(tx: Tx, token: str) -> Pending | None:
    """What this browser is waiting for, or None."""
    row = await repository.code_under(tx, tx.vault.keyed_hash("sign_in_token", token))
    if row is None or row.consumed_at is not None or row.expires_at <= clock.now():
        return None
    address = await tx.vault.open(SignInCode.address, row.id, row.id, row.address)
    return Pending(address, row.expires_at)


async def redeem(tx: Tx, token: str, typed_code: str, network: str, user_agent: str) -> SignedIn | Problem:
    """Sign in with a code, opening the account of a new address.

    Returns the reason it failed: CodeIncomplete, CodeWrong, CodeExpired, CodeUsed, CodeReplaced or SignInLocked.
    """
    code = "".join(typed_code.split())
    if not (len(code) == DIGITS and code.isascii() and code.isdecimal()):
        return CodeIncomplete()
    now, token_hash = clock.now(), tx.vault.keyed_hash("sign_in_token", token)
    row = await repository.code_under(tx, token_hash)
    if row is None:
        return CodeExpired()
    try:
        counters = await _open_counters(tx, "guess", row.email_index, network, now, SignInLocked)
    except SignInLocked as locked:
        return locked
    row = await repository.code_under(tx, token_hash)  # again: another guess may have been before us
    if row is None or row.expires_at <= now:
        return CodeExpired()
    if row.consumed_at is not None or row.replaced_at is not None:
        return CodeUsed() if row.consumed_at else CodeReplaced()
    if not hmac.compare_digest(_code_hash(tx, row.id, code), row.code_hash):
        return await _wrong(tx, counters, now)
    row.consumed_at = now
    counters[0].tries, counters[0].locked_until = 0, None
    return await _enter(tx, row, user_agent, network)


async def _enter(tx: Tx, row: SignInCode, user_agent: str, network: str) -> SignedIn:
    """Open the session of whoever proved to read this address."""
    known: UserAccount | None = await repository.account_under(tx, row.email_index)
    if known is None:
        address = await tx.vault.open(SignInCode.address, row.id, row.id, row.address)
        known = await begin_account(tx, address, row.email_index, row.language)
    works_in = await directory.find(tx, sessions.WORKS_IN, str(known.id))
    tenant_id = works_in.tenant_id if works_in else None
    token = await sessions.open_session(tx, known.id, tenant_id, user_agent, network, by_email=True)
    return SignedIn(token, known.id, tenant_id)


def _code_hash(tx: Tx, code_id: UUID, code: str) -> bytes:
    return tx.vault.keyed_hash("sign_in_code", f"{code_id}:{code}")


async def _open_counters(
    tx: Tx, what: str, email_index: bytes, network: str, now: datetime, closed: type[Problem]
) -> tuple[SignInCounter, SignInCounter]:
    """The counters by e-mail and by network address, always taken in this order. Raises `closed` when either is."""
    network_index = tx.vault.platform_index("sign_in.network", network_of(network))
    by_email = await repository.counter(tx, f"{what}:email", email_index, now)
    by_network = await repository.counter(tx, f"{what}:network", network_index, now)
    until = max((each.locked_until for each in (by_email, by_network) if each.locked_until), default=now)
    if until > now:
        raise closed(retry_after=int((until - now).total_seconds()) + 1)
    return by_email, by_network


async def _wrong(tx: Tx, counters: tuple[SignInCounter, SignInCounter], now: datetime) -> Problem:
    """Count a wrong code and say how many tries are left."""
    left = min(_count(each, TRIES, now) for each in counters)
    if left == 0:
        await audit.record(tx, "identity:sign_in:locked", body={"minutes": CLOSED.seconds // 60})
        return SignInLocked(retry_after=int(CLOSED.total_seconds()))
    return CodeWrong(tries_left=left)


def _count(counter: SignInCounter, limit: int, now: datetime) -> int:
    """Count one more in the current quarter of an hour; returns how many are left, and closes at none."""
    if counter.counted_from + CLOSED <= now:
        counter.tries, counter.counted_from = 0, now
    counter.tries += 1
    if counter.tries < limit:
        return limit - counter.tries
    counter.tries, counter.counted_from, counter.locked_until = 0, now, now + CLOSED
    return 0
