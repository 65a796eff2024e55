"""Proofs: how a signed-in person shows again that it is them, before something dangerous.

A proof has to be as strong as signing in is for this person. It renews the session: its token is new, and for a quarter of
an hour nothing is asked again.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from callmissed.foundation import clock, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.identity.factor_problems import PasskeyRefused, ProofTooWeak
from callmissed.identity.methods import Method
from callmissed.identity.models import ProofCode
from callmissed.identity.problems import (
    CodeExpired,
    CodeIncomplete,
    CodeUsed,
    CodeWrong,
    SignInLocked,
    TooManyCodes,
)
from callmissed.identity.repository import passkeys as passkeys_sql
from callmissed.identity.repository import security as repository
from callmissed.identity.repository import totp as totp_sql
from callmissed.identity.service import entrance, passkeys, sessions, tries
from callmissed.identity.service.accounts import profile
from callmissed.identity.service.sessions import Current

VALID = timedelta(minutes=10)
LATELY = timedelta(minutes=15)
DIGITS = 6
MOST = 5
"""Codes a person is sent in a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person gave as proof: what was typed or signed, and the browser and site it came from."""

    given: str
    browser: str = ""
    site: passkeys.Site | None = None

    def __repr__(self) -> str:
        """Without what was given: a repr ends in logs."""
        return "Answer()"


class ProofKind(Protocol):
    """A way to prove who one is: `check` says what is wrong with the answer, or None."""

    method: Method

    async def check(self, tx: Tx, who: Current, answer: Answer) -> Problem | None:
        """Whether the answer holds. What must be counted is returned, not raised, so that the count is committed."""
        ...


async def offered(tx: Tx, who: Current) -> tuple[str, ...]:
    """The kinds of proof this person can give, the best first: as strong as signing in is for them, so that whoever holds
    an open browser and the mailbox is not let past a second step.
    """
    apps, keys = bool(await totp_sql.apps_of(tx, who.user_id)), await passkeys_sql.count_of(tx, who.user_id)
    strong = ["passkey"] * bool(keys) + ["app"] * apps
    if apps and await totp_sql.recovery_left(tx, who.user_id):
        strong.append("recovery")
    if strong and await entrance.needs_second(tx, who.user_id):
        return tuple(strong)
    return (*strong, "email")


async def begin(tx: Tx, who: Current) -> None:
    """Send a code to the person's own address. Raises ProofTooWeak where that is not proof enough, and TooManyCodes."""
    if "email" not in await offered(tx, who):
        raise ProofTooWeak
    await send_code(tx, who, "again", (await profile(tx, who.user_id)).email)


async def prove(tx: Tx, who: Current, answer: Answer, kind: str = "email") -> str | Problem:
    """The session's new token when the proof holds, else what is wrong with it."""
    if kind not in await offered(tx, who):
        return ProofTooWeak()
    held = _KINDS[kind]
    wrong = await held.check(tx, who, answer)
    return wrong or await sessions.rotate(tx, who.user_id, who.session_id, held.method)


# Codes


async def send_code(tx: Tx, who: Current, purpose: str, address: str) -> ProofCode:
    """Send a code to an address of this person and return its row. Raises TooManyCodes."""
    now = clock.now()
    if await repository.codes_since(tx, who.user_id, now - LATELY) >= MOST:
        raise TooManyCodes(retry_after=int(LATELY.total_seconds()))
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    row = ProofCode(
        id=uuid7(),
        user_id=who.user_id,
        session_id=who.session_id,
        purpose=purpose,
        tries=0,
        expires_at=now + VALID,
    )
    row.code_hash = _code_hash(tx, row.id, code)
    tx.session.add(row)
    await tx.session.flush()
    language = (await profile(tx, who.user_id)).language
    minutes = VALID.seconds // 60
    await mail.queue(
        tx, who.user_id, address, "identity.proof_code", language=language, within=VALID, code=code,
        minutes=minutes, purpose=purpose,
    )  # fmt: skip
    return row


async def redeem(tx: Tx, who: Current, purpose: str, typed: str) -> ProofCode | Problem:
    """The code's row when it is the right one, else what is wrong with it.

    Wrong ones are counted over all codes of the person, so that a new code gives no new tries.
    """
    code = "".join(typed.split())
    if not (len(code) == DIGITS and code.isascii() and code.isdecimal()):
        return CodeIncomplete()
    row = await repository.newest_code(tx, who.session_id, purpose)
    if (
        row is None
        or row.user_id != who.user_id
        or row.expires_at <= clock.now()
        or row.undone_at is not None
    ):
        return CodeExpired()
    if row.consumed_at is not None:
        return CodeUsed()
    subject, now = tx.vault.platform_index("proof.user", str(who.user_id)), clock.now()
    try:
        counter = await tries.open_counter(tx, "proof:user", subject, now, SignInLocked)
    except SignInLocked as locked:
        return locked
    if not hmac.compare_digest(_code_hash(tx, row.id, code), row.code_hash):
        return await tries.wrong(tx, (counter,), now, CodeWrong)
    tries.forgive(counter)
    row.consumed_at = now
    return row


def _code_hash(tx: Tx, code_id: UUID, code: str) -> bytes:
    return tx.vault.keyed_hash("proof_code", f"{code_id}:{code}")


class _EmailCode:
    """A code sent to the account's own address."""

    method: Method = "code"

    async def check(self, tx: Tx, who: Current, answer: Answer) -> Problem | None:
        outcome = await redeem(tx, who, "again", answer.given)
        return outcome if isinstance(outcome, Problem) else None


class _AppCode:
    """A code of an app, counted together with those typed while signing in."""

    method: Method = "totp"

    async def check(self, tx: Tx, who: Current, answer: Answer) -> Problem | None:
        return await entrance.check_second(tx, who.user_id, answer.given)


class _RecoveryCode:
    """A code on paper, which is used up."""

    method: Method = "recovery"

    async def check(self, tx: Tx, who: Current, answer: Answer) -> Problem | None:
        return await entrance.check_second(tx, who.user_id, answer.given, recovery=True)


class _Passkey:
    """A passkey of this person."""

    method: Method = "passkey"

    async def check(self, tx: Tx, who: Current, answer: Answer) -> Problem | None:
        if answer.site is None:
            return PasskeyRefused()
        proven = await passkeys.prove(tx, answer.given, answer.browser, answer.site)
        if isinstance(proven, Problem):
            return proven
        return None if proven == who.user_id else PasskeyRefused()


_KINDS: Mapping[str, ProofKind] = {
    "email": _EmailCode(),
    "app": _AppCode(),
    "recovery": _RecoveryCode(),
    "passkey": _Passkey(),
}
