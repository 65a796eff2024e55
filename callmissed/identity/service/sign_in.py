"""Signing in with a code sent by e-mail. Signing up is the same act: a new address becomes an account when it proves itself.

Asking for a code never looks at accounts, so nothing about them can be learned from the answer, its wording or its
time. A code is six digits, works ten minutes, once, and only in the browser that asked for it; only a keyed hash of it
is kept. Five wrong ones, under one e-mail address or from one network address, close sign-in there for a quarter of an
hour, except for browsers that were signed in there before. What must be counted is returned, not raised, so that the
count is committed.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.identity import repository
from callmissed.identity.contact_points import read_email
from callmissed.identity.models import SignInCode, UserAccount
from callmissed.identity.problems import (
    AddressLeft,
    CodeExpired,
    CodeIncomplete,
    CodeReplaced,
    CodeUsed,
    CodeWrong,
    SignInLocked,
    TooManyCodes,
)
from callmissed.identity.repository import security
from callmissed.identity.service import alerts, known_browsers
from callmissed.identity.service.accounts import EMAIL_INDEX, RETENTION_CLASS, begin_account, platform
from callmissed.identity.service.entrance import SecondStep, SignedIn, enter
from callmissed.identity.service.linking import Link
from callmissed.identity.service.tries import count, forgive, open_counters, wrong

VALID = timedelta(minutes=10)
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
class Held:
    """What a browser holds of before: the code it asked for last, and the mark of having been signed in here."""

    waiting: str = ""
    known: str = ""

    def __repr__(self) -> str:
        """Without what it holds: a repr ends in logs."""
        return "Held()"


def cookie_name(*, production: bool) -> str:
    """The cookie that binds a code to the browser that asked for it, for ten minutes."""
    return "__Host-cm_sign_in" if production else "cm_sign_in"


async def ask(
    tx: Tx, typed_email: str, network: str, language: str, *, held: Held = Held(), link: Link | None = None
) -> Asked:
    """Send a code; the one this browser asked for before stops working. Does the same work for every address.

    `link`: what a provider said about whoever redeems it. Raises EmailUnusable, SignInLocked and TooManyCodes.
    """
    email, now = read_email(typed_email), clock.now()
    index = tx.vault.platform_index(EMAIL_INDEX, email.lookup)
    known_as = known_browsers.counted_as(tx, index, held.known)
    await open_counters(tx, "guess", index, network, now, SignInLocked, known_as=known_as)
    counters = await open_counters(tx, "code", index, network, now, TooManyCodes, known_as=known_as)
    for counter in counters:
        count(counter, now)
    await repository.replace_code(tx, tx.vault.keyed_hash("sign_in_token", held.waiting), now)
    token, code = secrets.token_urlsafe(32), f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    row = SignInCode(id=uuid7(), email_index=index, language=language, expires_at=now + VALID)
    row.token_hash = tx.vault.keyed_hash("sign_in_token", token)
    row.code_hash = _code_hash(tx, row.id, code)
    box = await tx.vault.person(row.id, mail.RETENTION_CLASS)
    row.address = box.seal(SignInCode.address, row.id, email.address)
    if link is not None:
        row.provider, row.subject_index = link.provider, link.subject_index
        row.full_name = box.seal(SignInCode.full_name, row.id, link.name) if link.name else None
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


async def redeem(
    tx: Tx, held: Held, typed_code: str, network: str, user_agent: str
) -> SignedIn | SecondStep | Problem:
    """Sign in with the code this browser waits for, opening the account of a new address.

    Returns the reason it failed: CodeIncomplete, CodeWrong, CodeExpired, CodeUsed, CodeReplaced, SignInLocked or AddressLeft.
    """
    code = "".join(typed_code.split())
    if not (len(code) == DIGITS and code.isascii() and code.isdecimal()):
        return CodeIncomplete()
    now, token_hash = clock.now(), tx.vault.keyed_hash("sign_in_token", held.waiting)
    row = await repository.code_under(tx, token_hash)
    if row is None:
        return CodeExpired()
    known_as = known_browsers.counted_as(tx, row.email_index, held.known)
    try:
        counters = await open_counters(
            tx, "guess", row.email_index, network, now, SignInLocked, known_as=known_as
        )
    except SignInLocked as locked:
        return locked
    row = await repository.code_under(tx, token_hash)  # again: another guess may have been before us
    if row is None or row.expires_at <= now:
        return CodeExpired()
    if row.consumed_at is not None or row.replaced_at is not None:
        return CodeUsed() if row.consumed_at else CodeReplaced()
    if not hmac.compare_digest(_code_hash(tx, row.id, code), row.code_hash):
        return await wrong(tx, counters, now, CodeWrong)
    row.consumed_at = now
    forgive(counters[0])
    return await _enter(tx, row, user_agent, network)


async def _enter(tx: Tx, row: SignInCode, user_agent: str, network: str) -> SignedIn | SecondStep | Problem:
    """Let in whoever proved to read this address; the provider they came from is linked once they are in."""
    known: UserAccount | None = await repository.account_under(tx, row.email_index)
    address = await tx.vault.open(SignInCode.address, row.id, row.id, row.address)
    if known is None and await security.is_left_lately(tx, row.email_index, clock.now() - alerts.LINK_WORKS):
        return AddressLeft()
    if known is None:
        known = await begin_account(tx, address, row.email_index, row.language)
        if row.full_name is not None:
            name = await tx.vault.open(SignInCode.full_name, row.id, row.id, row.full_name)
            box = await platform(tx).person(known.id, RETENTION_CLASS)
            known.full_name = box.seal(UserAccount.full_name, known.id, name)
    if row.provider is None or row.subject_index is None:
        return await enter(tx, known.id, ("code",), user_agent, network)
    link = Link(row.provider, row.subject_index)
    return await enter(tx, known.id, ("oidc", "code"), user_agent, network, link=link)


def _code_hash(tx: Tx, code_id: UUID, code: str) -> bytes:
    return tx.vault.keyed_hash("sign_in_code", f"{code_id}:{code}")
