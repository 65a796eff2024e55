"""Proofs: how a signed-in person shows again that it is them, before something dangerous.

Each kind of proof is registered here; a code by e-mail is always one. A proof renews the session: its token is new, and for
a quarter of an hour nothing is asked again.
"""

import hmac
import secrets
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from callmissed.foundation import clock, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.identity.models import ProofCode
from callmissed.identity.problems import (
    CodeExpired,
    CodeIncomplete,
    CodeUsed,
    CodeWrong,
    SignInLocked,
    TooManyCodes,
)
from callmissed.identity.repository import security as repository
from callmissed.identity.service import sessions
from callmissed.identity.service.accounts import profile
from callmissed.identity.service.sessions import Current

VALID = timedelta(minutes=10)
LATELY = timedelta(minutes=15)
DIGITS = 6
TRIES = 5
MOST = 5
"""Codes a person is sent in a quarter of an hour."""


class ProofKind(Protocol):
    """A way to prove who one is: `begin` asks for it, `check` says what is wrong with the answer, or None."""

    name: str

    async def begin(self, tx: Tx, who: Current) -> None:
        """Send or prepare what the person needs. Raises TooManyCodes."""
        ...

    async def check(self, tx: Tx, who: Current, given: str) -> Problem | None:
        """Whether the answer holds. What must be counted is returned, not raised, so that the count is committed."""
        ...


_kinds: dict[str, ProofKind] = {}


def register(kind: ProofKind) -> None:
    """Offer a way to prove who one is. The one registered last under a name holds."""
    _kinds[kind.name] = kind


def kinds() -> tuple[str, ...]:
    """The names of the ways there are."""
    return tuple(_kinds)


async def begin(tx: Tx, who: Current, kind: str = "email") -> None:
    """Ask a person for a proof of this kind. Raises KeyError for an unknown kind, and TooManyCodes."""
    await _kinds[kind].begin(tx, who)


async def prove(tx: Tx, who: Current, given: str, kind: str = "email") -> str | Problem:
    """The session's new token when the proof holds, else what is wrong with it."""
    wrong = await _kinds[kind].check(tx, who, given)
    return wrong or await sessions.rotate(tx, who.user_id, who.session_id)


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
    """The code's row when it is the right one, else what is wrong with it."""
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
    if row.tries >= TRIES:
        return SignInLocked(retry_after=int(LATELY.total_seconds()))
    if not hmac.compare_digest(_code_hash(tx, row.id, code), row.code_hash):
        row.tries += 1
        return (
            CodeWrong(tries_left=TRIES - row.tries)
            if row.tries < TRIES
            else SignInLocked(retry_after=int(LATELY.total_seconds()))
        )
    row.consumed_at = clock.now()
    return row


def _code_hash(tx: Tx, code_id: UUID, code: str) -> bytes:
    return tx.vault.keyed_hash("proof_code", f"{code_id}:{code}")


class _EmailCode:
    """A code sent to the account's own address."""

    name = "email"

    async def begin(self, tx: Tx, who: Current) -> None:
        await send_code(tx, who, "again", (await profile(tx, who.user_id)).email)

    async def check(self, tx: Tx, who: Current, given: str) -> Problem | None:
        outcome = await redeem(tx, who, "again", given)
        return outcome if isinstance(outcome, Problem) else None


register(_EmailCode())
