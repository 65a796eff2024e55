"""Apps that show codes, and the recovery codes for the day the device is lost.

A device's clock may be two minutes off: the first code tells by how much, and later codes count one half minute around
that. A clock that strays afterwards is learned from two codes in a row (RFC 6238 §6, RFC 4226 §7.4).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.identity import otp
from callmissed.identity.factor_problems import (
    AppClockOff,
    AppCodeUsed,
    AppCodeWrong,
    FactorNotFound,
    RecoveryCodeWrong,
    TooManyFactors,
)
from callmissed.identity.models import RecoveryCode, TotpFactor
from callmissed.identity.problems import CodeIncomplete
from callmissed.identity.repository import totp as rows
from callmissed.identity.service import factor_news
from callmissed.identity.service.accounts import RETENTION_CLASS, platform
from callmissed.identity.service.naming import factor_name

MOST = 5
RECOVERY_CODES = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's Base32: no letter that is taken for another when read from paper."""

SET_UP_WITHIN = timedelta(minutes=15)
NEXT_WITHIN = 3
"""Half minutes after a stray code in which the next one has to come."""


@dataclass(frozen=True, slots=True)
class NewApp:
    """An app that is being set up: what its person types or scans. Shown until the first code is typed."""

    id: UUID
    secret: str
    address: str

    def __repr__(self) -> str:
        """Without the secret: a repr ends in logs."""
        return f"NewApp({self.id})"


async def begin_app(tx: Tx, user_id: UUID, name: str, account: str) -> NewApp:
    """Make a secret for an app. It counts for nothing until a code of it was typed. Raises FactorNameMissing, TooManyFactors."""
    plain = factor_name(name)
    await rows.forget_unconfirmed(tx, user_id)
    if len(await rows.apps_of(tx, user_id)) >= MOST:
        raise TooManyFactors
    row, secret = TotpFactor(id=uuid7(), user_id=user_id), otp.new_secret()
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.name = box.seal(TotpFactor.name, row.id, plain)
    row.secret = box.seal(TotpFactor.secret, row.id, secret)
    tx.session.add(row)
    await tx.session.flush()
    return NewApp(row.id, secret, otp.address(secret, account, "CallMissed"))


async def app_being_added(tx: Tx, user_id: UUID, factor_id: UUID, account: str) -> NewApp:
    """An app that waits for its first code, to show it once more. Raises FactorNotFound."""
    row = await rows.app(tx, user_id, factor_id)
    if row is None or row.confirmed_at is not None:
        raise FactorNotFound
    secret = await _secret(tx, row)
    return NewApp(row.id, secret, otp.address(secret, account, "CallMissed"))


async def confirm_app(tx: Tx, user_id: UUID, factor_id: UUID, typed: str) -> list[str] | Problem:
    """Put an app to use with its first code, and learn how far its clock is off.

    Returns fresh recovery codes where there are none left, otherwise nothing; or CodeIncomplete, AppCodeWrong.
    Raises FactorNotFound.
    """
    row = await rows.app(tx, user_id, factor_id)
    if row is None or row.confirmed_at is not None or row.created_at + SET_UP_WITHIN <= clock.now():
        raise FactorNotFound  # one begun long ago would look old to whoever undoes what a thief has added
    code = _digits(typed)
    if code is None:
        return CodeIncomplete()
    now = clock.now()
    step = otp.matching_step(await _secret(tx, row), code, otp.step_of(now), otp.FAR)
    if step is None:
        return AppCodeWrong()
    row.confirmed_at, row.last_step, row.drift_steps = now, step, step - otp.step_of(now)
    await tx.session.flush()
    await factor_news.tell(tx, user_id, "identity:app:added", row.id)
    return [] if await rows.recovery_left(tx, user_id) else await _make_recovery_codes(tx, user_id)


async def check_app_code(tx: Tx, user_id: UUID, typed: str) -> Problem | None:
    """Whether this is a code of one of the person's apps. Each code is used once.

    Returns CodeIncomplete, AppCodeWrong, AppCodeUsed or AppClockOff.
    """
    code = _digits(typed)
    if code is None:
        return CodeIncomplete()
    outcome: Problem | None = AppCodeWrong()
    for row in await rows.apps_of(tx, user_id, for_update=True):
        found = _take(row, await _secret(tx, row), code, clock.now())
        if not isinstance(found, AppCodeWrong):
            outcome = found
    return outcome


def _take(row: TotpFactor, secret: str, code: str, now: datetime) -> Problem | None:
    """Use a code of this app: None when it is right, and then it is used up."""
    here = otp.step_of(now)
    step = otp.matching_step(secret, code, here + row.drift_steps, otp.NEAR)
    stray = step is None
    if step is None:
        step = otp.matching_step(secret, code, here, otp.FAR)
    if step is None:
        return AppCodeWrong()
    if row.last_step is not None and step <= row.last_step:
        return AppCodeUsed()
    first, row.last_step, row.stray_step = row.stray_step, step, None
    if stray and not (first is not None and first < step <= first + NEXT_WITHIN):
        row.stray_step = step
        return AppClockOff()
    row.drift_steps, row.last_used_at = step - here, now
    return None


async def renew_recovery_codes(tx: Tx, user_id: UUID) -> list[str]:
    """Ten new codes of 50 bits, such as K3N7Q-0XW2D; older ones stop working. They exist nowhere else."""
    codes = await _make_recovery_codes(tx, user_id)
    await factor_news.tell(tx, user_id, "identity:recovery_codes:renewed", user_id, codes=len(codes))
    return codes


async def _make_recovery_codes(tx: Tx, user_id: UUID) -> list[str]:
    await rows.forget_recovery(tx, user_id)
    plain = ["".join(secrets.choice(ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    tx.session.add_all(
        RecoveryCode(id=uuid7(), user_id=user_id, code_hash=_recovery_hash(tx, user_id, each))
        for each in plain
    )
    await tx.session.flush()
    return [f"{each[:5]}-{each[5:]}" for each in plain]


async def check_recovery_code(tx: Tx, user_id: UUID, typed: str) -> Problem | None:
    """Use up a recovery code. Returns RecoveryCodeWrong when there is none."""
    plain = "".join(typed.upper().replace("-", " ").split())
    for mistaken, meant in (("O", "0"), ("I", "1"), ("L", "1")):
        plain = plain.replace(mistaken, meant)
    if not await rows.use_recovery(tx, user_id, _recovery_hash(tx, user_id, plain), clock.now()):
        return RecoveryCodeWrong()
    await factor_news.tell(tx, user_id, "identity:recovery_code:used", user_id)
    return None


def _recovery_hash(tx: Tx, user_id: UUID, plain: str) -> bytes:
    return tx.vault.keyed_hash("recovery_code", f"{user_id}:{plain}")


async def _secret(tx: Tx, row: TotpFactor) -> str:
    return await platform(tx).open(TotpFactor.secret, row.id, row.user_id, row.secret)


def _digits(typed: str) -> str | None:
    code = "".join(typed.split())
    return code if len(code) == otp.DIGITS and code.isascii() and code.isdecimal() else None
