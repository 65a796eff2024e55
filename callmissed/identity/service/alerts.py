"""Security mails: a person hears of what touches their account, and can stop it with one link.

The link is signed, works for seven days and for one purpose: its page says what will happen, a button does it. Everything
stops at once: sessions, keys that this person made, a change of the e-mail address. Sign-in then takes a code by e-mail, and
they choose what works again.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from callmissed.foundation import audit, clock, directory, live, mail
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import TenantClosed
from callmissed.foundation.tenancy import Access
from callmissed.identity.models import SecurityAlert
from callmissed.identity.problems import LinkWorn
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import security as repository
from callmissed.identity.repository import sessions as sessions_sql
from callmissed.identity.repository.keys import key, working_keys_of
from callmissed.identity.service import invitations, ownership
from callmissed.identity.service.accounts import profile

LINK_WORKS = timedelta(days=7)
KEYS_TOPIC = "api_key"
WORKS_IN = "membership"

FACTORS_CHANGED = (
    "identity:passkey:added",
    "identity:passkey:removed",
    "identity:app:added",
    "identity:app:removed",
    "identity:recovery_codes:renewed",
    "identity:provider:linked",
    "identity:provider:unlinked",
)
"""What service/factor_news.py tells."""

TRIGGERS = MappingProxyType(
    {
        "identity:key:created": "key_created",
        "identity:key:changed": "key_changed",
        "identity:key:rotated": "key_changed",
        "identity:member:role_changed": "role_changed",
        **dict.fromkeys(FACTORS_CHANGED, "factor_changed"),
        "identity:recovery_code:used": "recovery_used",
        "identity:passkey:copy_suspected": "passkey_copied",
        "identity:domain:proven": "rules_changed",
        "identity:domain:removed": "rules_changed",
        "identity:domain:lost": "rules_changed",
        "identity:second_factor:required": "rules_changed",
        "identity:email:asked": "email_changing",
        "identity:email:changed": "email_changed",
        "identity:tenant:closed": "closing",
        "identity:account:closed": "closing",
    }
)
"""Leaf of the audit log to the warning it must bring, when a person did it (promise use.transactional)."""


REPEATED = frozenset({"key_changed", "passkey_copied"})
"""What programs, or somebody who holds a copy, can make happen many times a minute."""
QUIET = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Warned:
    """What the page of a link shows: what happened, when, and what would stop."""

    alert_id: UUID
    user_id: UUID
    what: str
    at: datetime
    sessions: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """A key that was stopped, by name, to choose from."""

    tenant_id: UUID
    key_id: UUID
    name: str


async def tell(
    tx: Tx,
    user_id: UUID,
    what: str,
    *,
    leaf: UUID | None = None,
    about: UUID | None = None,
    tenant_id: UUID | None = None,
    address: str | None = None,
    **facts: str,
) -> None:
    """Warn a person by mail of what has happened to their account, with a link for "this wasn't me".

    `what` is one of the values of TRIGGERS or "new_device"; `facts` are words for the letter (device, name, role).
    `address` is where to write when that is not the account's own address. `leaf` is the leaf that wrote it down, `about`
    the key, factor or domain. What is in REPEATED brings one letter a quarter of an hour for the same of those, however
    often it happens.
    """
    if await accounts_sql.account(tx, user_id) is None:
        return
    row = SecurityAlert(id=uuid7(), user_id=user_id, what=what, leaf_id=leaf, about=about)
    row.tenant_id = tenant_id or (tx.access.tenant_id if tx.access else None)
    row.expires_at = clock.now() + LINK_WORKS
    told = await repository.told_of(tx, row, clock.now() - QUIET) if what in REPEATED else None
    row.letter_id = told or await _write(tx, row, address, facts)
    tx.session.add(row)
    await tx.session.flush()


async def _write(tx: Tx, row: SecurityAlert, address: str | None, facts: Mapping[str, str]) -> UUID:
    """Queue the letter of a warning; returns its id."""
    who = await profile(tx, row.user_id)
    return await mail.queue(
        tx,
        row.user_id,
        address or who.email,
        "identity.alert",
        language=who.language,
        what=row.what,
        device=facts.get("device", ""),
        name=facts.get("name", ""),
        role=facts.get("role", ""),
        path=f"/not-me/{_token(tx, row.id)}",
        days=LINK_WORKS.days,
    )


def _token(tx: Tx, alert_id: UUID) -> str:
    """The alert's id and its signature: nothing has to be kept to recognise it."""
    return alert_id.hex + tx.vault.keyed_hash("not_me", str(alert_id)).hex()


async def look(tx: Tx, token: str, *, for_update: bool = False) -> Warned:
    """What a link is about. Raises LinkWorn unless it is ours, unused and younger than seven days."""
    row = await _alert(tx, token, for_update=for_update)
    sessions = len(await sessions_sql.sessions_of(tx, row.user_id))
    return Warned(row.id, row.user_id, row.what, row.created_at, sessions)


async def _alert(tx: Tx, token: str, *, for_update: bool = False) -> SecurityAlert:
    try:
        alert_id = UUID(token[:32])
    except ValueError:
        raise LinkWorn from None
    if not hmac.compare_digest(_token(tx, alert_id), token):
        raise LinkWorn
    row = await repository.alert(tx, alert_id, for_update=for_update)
    if row is None or row.answered_at is not None or row.expires_at <= clock.now():
        raise LinkWorn
    return row


async def lock_everything(db: Database, token: str) -> None:
    """It was not them: stop the person's keys, end their sessions, undo a change of e-mail, lock the account.

    Ways to sign in that were added in the last seven days go; older ones stay, so that reading somebody's mail is not enough
    to be rid of their second step.

    Keys are stopped before the lock and again after it, so that one made in between does not slip through; until the lock
    is committed the link works, so whatever interrupts this, pressing again completes it. Raises LinkWorn.
    """
    async with db.control() as tx:
        warned = await look(tx, token)
    stopped = await _stop_keys(db, warned.user_id)
    async with db.control() as tx:
        row = await _alert(tx, token, for_update=True)
        await _lock(tx, row)
    stopped += await _stop_keys(db, warned.user_id)
    async with db.control() as tx:
        row = await repository.alert(tx, warned.alert_id, for_update=True)
        if row is not None:
            row.stopped_keys = stopped


async def _lock(tx: Tx, row: SecurityAlert) -> None:
    now = clock.now()
    account = await accounts_sql.account(tx, row.user_id, for_update=True)
    if account is None:
        raise LinkWorn
    account.locked_at = now
    row.answered_at = now
    for each in await sessions_sql.revoke_sessions(tx, row.user_id, now):
        await live.end(tx, each)
    await repository.undo_email_changes(tx, account, now - LINK_WORKS, now)
    await repository.forget_new_factors(tx, account.id, now - LINK_WORKS)
    await audit.record(
        tx, "identity:account:locked", subject=account.id, target=account.id, body={"what": row.what}
    )


async def _stop_keys(db: Database, user_id: UUID) -> list[UUID]:
    """Stop the working keys a person made, wherever they work, and take back whom they asked in; returns the keys."""
    async with db.control() as tx:
        places = await directory.find_all(tx, WORKS_IN, str(user_id))
    stopped: list[UUID] = []
    for place in places:
        async with db.tenant(Access.system(place.tenant_id, "recovery")) as tx:
            rows = await working_keys_of(tx, user_id)
            for row in rows:
                row.revoked_at = clock.now()
                await live.announce(tx, KEYS_TOPIC, {"key": str(row.id)})
                stopped.append(row.id)
            if rows:
                await audit.record(tx, "identity:key:all_revoked", body={"keys": len(rows)})
            await invitations.withdraw_those_of(tx, user_id)
            await ownership.forget_offers_of(tx, user_id)
    return stopped


async def stopped_keys(db: Database, user_id: UUID) -> list[Stopped]:
    """The keys that were stopped by a lock and may work again, by name."""
    async with db.control() as tx:
        ids = await repository.stopped_of(tx, user_id)
        places = await directory.find_all(tx, WORKS_IN, str(user_id))
    found: list[Stopped] = []
    for place in places if ids else ():
        async with db.tenant(Access.system(place.tenant_id, "recovery")) as tx:
            rows = [await key(tx, each) for each in ids]
            found += [Stopped(place.tenant_id, row.id, row.name) for row in rows if row is not None]
    return found


async def unlock(db: Database, user_id: UUID, chosen: Sequence[UUID]) -> None:
    """The holder has proved their address and chosen: these keys work again, and so does the account."""
    for each in await stopped_keys(db, user_id):
        if each.key_id not in chosen:
            continue
        try:
            async with db.tenant(Access.system(each.tenant_id)) as tx:
                row = await key(tx, each.key_id, for_update=True)
                if row is not None:
                    row.revoked_at = None
                    await live.announce(tx, KEYS_TOPIC, {"key": str(row.id)})
                    await audit.record(tx, "identity:key:restored", target=row.id, body={})
        except TenantClosed:  # nothing works there; what was stopped stays stopped
            continue
    async with db.control() as tx:
        account = await accounts_sql.account(tx, user_id, for_update=True)
        if account is not None and account.locked_at is not None:
            account.locked_at = None
            await repository.forget_stopped(tx, user_id)
            await audit.record(tx, "identity:account:unlocked", subject=user_id, target=user_id, body={})
