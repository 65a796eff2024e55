"""Sessions: which browser is signed in as whom. Opaque tokens of 256 random bits, kept as keyed hashes only."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol
from uuid import UUID

from callmissed.foundation import audit, clock, live
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import TenantClosed, Unauthenticated
from callmissed.foundation.tenancy import Access, Actor
from callmissed.foundation.vault import SealedValue
from callmissed.identity.contact_points import area_of
from callmissed.identity.devices import describe
from callmissed.identity.methods import is_strong
from callmissed.identity.models import Session
from callmissed.identity.problems import AccountLocked, SessionNotFound
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import membership, tenant
from callmissed.identity.repository import sessions as repository
from callmissed.identity.service import alerts
from callmissed.identity.service.accounts import RETENTION_CLASS, platform
from callmissed.identity.service.standing import permissions_in

IDLE = timedelta(days=14)
ABSOLUTE = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=10)
"""`last_seen_at` is written at most so often: a page view is no reason to write."""

WORKS_IN = "membership"
"""Kind of directory entry that leads from a user to the tenants they work in."""

HASH = "session"


@dataclass(frozen=True, slots=True)
class Current:
    """Who a token belongs to, and where they are working; no tenant before they have founded one.

    `state` is "open", or why the account lets nobody work: "locked" or "closed".
    """

    session_id: UUID
    user_id: UUID
    tenant_id: UUID | None
    methods: tuple[str, ...] = ()
    verified_at: datetime | None = None
    state: Literal["open", "locked", "closed"] = "open"


@dataclass(frozen=True, slots=True)
class SessionCard:
    """A signed-in browser as its owner sees it: in words, its network in part, and when it was last used."""

    id: UUID
    device: str
    network: str
    opened_at: datetime
    last_seen_at: datetime
    is_current: bool


class Visitor(Protocol):
    """A connection, as far as this room looks at it."""

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies it sent."""
        ...


def cookie_name(*, production: bool) -> str:
    """The session's cookie. The prefix binds it to this host and to HTTPS (RFC 6265bis §4.1.3.2)."""
    return "__Host-cm_session" if production else "cm_session"


async def open_session(
    tx: Tx,
    user_id: UUID,
    tenant_id: UUID | None,
    user_agent: str,
    network: str = "",
    *,
    methods: Collection[str] = (),
) -> str:
    """Sign a browser in under a token nobody has seen before, and return it. `methods`: how it was proven who it is.

    A browser that is not like any of the last ninety days is told of by mail. Raises AccountLocked for a locked account,
    unless its e-mail address has just been proven, and Unauthenticated when there is no such account.
    """
    # Held: a lock that is being set is waited for.
    account = await accounts_sql.account(tx, user_id, for_update=True)
    if account is None:
        raise Unauthenticated  # erased: whatever still names them opens nothing, and makes no key anew
    if account.locked_at is not None and "code" not in methods:
        raise AccountLocked
    now = clock.now()
    known = await _devices(tx, await repository.sessions_of(tx, user_id, since=now - ABSOLUTE))
    row = Session(
        id=uuid7(),
        user_id=user_id,
        tenant_id=tenant_id,
        last_seen_at=now,
        methods=list(methods),
        verified_at=now,
        expires_at=now + ABSOLUTE,
    )
    token = _new_token(tx, row)
    device = describe(user_agent)
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.device = box.seal(Session.device, row.id, device)
    row.address = box.seal(Session.address, row.id, area_of(network))
    tx.session.add(row)
    await tx.session.flush()
    is_new = bool(known) and device not in known
    leaf = await audit.record(
        tx,
        "identity:session:opened",
        subject=user_id,
        target=row.id,
        body={"new_device": is_new, "methods": list(methods)},
    )
    if is_new:
        await alerts.tell(tx, user_id, "new_device", leaf=leaf, tenant_id=tenant_id, device=device)
    return token


async def current(tx: Tx, token: str) -> Current | None:
    """Who holds this token; None when it is unknown, ended, idle for too long or signed out."""
    found = await repository.session_and_account(tx, tx.vault.keyed_hash(HASH, token))
    if found is None or not _goes_on(found[0]):
        return None
    row, account = found
    if row.last_seen_at + SEEN_EVERY <= clock.now():
        row.last_seen_at = clock.now()
    state = "locked" if account.locked_at else "closed" if account.deactivated_at else "open"
    return Current(row.id, row.user_id, row.tenant_id, tuple(row.methods), row.verified_at, state)


def _goes_on(row: Session) -> bool:
    now = clock.now()
    return row.revoked_at is None and row.expires_at > now and row.last_seen_at + IDLE > now


async def renew(tx: Tx, user_id: UUID, session_id: UUID) -> str:
    """Give a session a new token and nothing else; the old one stops. Raises SessionNotFound."""
    row = await _going_on(tx, user_id, session_id)
    return _new_token(tx, row)


async def rotate(tx: Tx, user_id: UUID, session_id: UUID, method: str) -> str:
    """Give a session a new token, because its holder has just proved who they are; the old one stops. Raises SessionNotFound."""
    row = await _going_on(tx, user_id, session_id)
    row.verified_at = clock.now()
    _strengthen(row, method)
    await audit.record(tx, "identity:session:proven", subject=user_id, target=row.id, body={"method": method})
    return _new_token(tx, row)


async def strengthen(tx: Tx, user_id: UUID, session_id: UUID, method: str) -> str:
    """Give a session a new token, because its holder has just proven a further factor; the old one stops. Raises SessionNotFound."""
    row = await _going_on(tx, user_id, session_id)
    _strengthen(row, method)
    await audit.record(
        tx, "identity:session:strengthened", subject=user_id, target=row.id, body={"method": method}
    )
    return _new_token(tx, row)


async def _going_on(tx: Tx, user_id: UUID, session_id: UUID) -> Session:
    row = await repository.session_by_id(tx, user_id, session_id)
    if row is None or not _goes_on(row):
        raise SessionNotFound
    return row


def _new_token(tx: Tx, row: Session) -> str:
    token = secrets.token_urlsafe(32)
    row.token_hash = tx.vault.keyed_hash(HASH, token)
    return token


def _strengthen(row: Session, method: str) -> None:
    row.methods = [*(each for each in row.methods if each != method), method]


async def list_sessions(tx: Tx, user_id: UUID, current_id: UUID | None) -> list[SessionCard]:
    """Where a person is signed in: this browser first, then the one used last."""
    rows = [row for row in await repository.sessions_of(tx, user_id) if _goes_on(row)]
    devices, networks = await _opened(tx, rows)
    cards = [
        SessionCard(row.id, device, network, row.created_at, row.last_seen_at, row.id == current_id)
        for row, device, network in zip(rows, devices, networks, strict=True)
    ]
    return sorted(cards, key=lambda card: not card.is_current)


async def end_session(tx: Tx, user_id: UUID, session_id: UUID) -> None:
    """Sign one browser out, with everything it has open. Repeating it changes nothing. Raises SessionNotFound."""
    row = await repository.session_by_id(tx, user_id, session_id)
    if row is None:
        raise SessionNotFound
    if row.revoked_at is None:
        row.revoked_at = clock.now()
        await live.end(tx, row.id)
        await audit.record(tx, "identity:session:closed", subject=user_id, target=row.id, body={})


async def end_sessions(tx: Tx, user_id: UUID, *, but: UUID | None = None) -> int:
    """Sign a person's browsers out, all of them or all but one; returns how many."""
    ended = await repository.revoke_sessions(tx, user_id, clock.now(), but=but)
    for each in ended:
        await live.end(tx, each)
    await audit.record(
        tx, "identity:session:all_closed", subject=user_id, target=user_id, body={"sessions": len(ended)}
    )
    return len(ended)


async def _devices(tx: Tx, rows: Sequence[Session]) -> list[str]:
    return (await _opened(tx, rows))[0]


async def _opened(tx: Tx, rows: Sequence[Session]) -> tuple[list[str], list[str]]:
    """Devices and networks of these sessions; empty words where there are none."""
    read: list[list[str]] = []
    for name in (Session.device, Session.address):
        sealed = [(row, getattr(row, name.key)) for row in rows]
        values = [SealedValue(name, row.id, row.user_id, blob) for row, blob in sealed if blob is not None]
        texts = iter(await platform(tx).open_many(values))
        read.append([(next(texts) or "") if blob is not None else "" for _, blob in sealed])
    return read[0], read[1]


async def sign_out(tx: Tx, token: str) -> None:
    """End the session of this token, if it is one."""
    row = await repository.session_under(tx, tx.vault.keyed_hash(HASH, token))
    if row is not None and row.revoked_at is None:
        row.revoked_at = clock.now()
        await live.end(tx, row.id)
        await audit.record(tx, "identity:session:closed", subject=row.user_id, target=row.id, body={})


class SessionReader:
    """Says which access a connection has by its session cookie. One per process: `services.authenticate` is `access`."""

    def __init__(self, db: Database, *, production: bool) -> None:
        self._db = db
        self.cookie = cookie_name(production=production)

    async def who(self, visitor: Visitor) -> Current | None:
        """Who is signed in, with or without a workspace."""
        token = visitor.cookies.get(self.cookie)
        if not token:
            return None
        async with self._db.control() as tx:
            return await current(tx, token)

    async def access(self, visitor: Visitor) -> Access | None:
        """Their standing in the workspace they are working in, by their role there; None without either.

        None as well while the workspace asks for a second factor and they have not proven one. Raises TenantClosed.
        """
        standing = await self._standing(visitor)
        return None if standing is None or standing.barred else standing.access

    async def own_account(self, visitor: Visitor) -> Access | None:
        """Their standing towards their own account: as in the workspace, without any permission while it bars them.

        Raises TenantClosed.
        """
        standing = await self._standing(visitor)
        if standing is None or not standing.barred:
            return standing and standing.access
        return replace(standing.access, permissions=frozenset())

    async def is_barred(self, visitor: Visitor) -> bool:
        """Whether they are signed in, and only lack the second factor that their workspace asks for. Raises TenantClosed."""
        standing = await self._standing(visitor)
        return standing is not None and standing.barred

    async def _standing(self, visitor: Visitor) -> "_Standing | None":
        found = await self.who(visitor)
        if found is None or found.tenant_id is None or found.state != "open":
            return None
        async with self._db.tenant(Access.system(found.tenant_id)) as tx:
            member = await membership(tx, found.user_id)
            where = await tenant(tx, found.tenant_id)
            if member is None or where is None:
                return None
            if where.state != "active":
                raise TenantClosed
            permissions = await permissions_in(tx, member)
        access = Access(
            found.tenant_id,
            Actor("user", found.user_id),
            permissions,
            session_id=found.session_id,
            verified_at=found.verified_at,
        )
        return _Standing(access, barred=where.requires_second_factor and not is_strong(found.methods))


@dataclass(frozen=True, slots=True)
class _Standing:
    """A member's standing, and whether it is barred until they prove a second factor."""

    access: Access
    barred: bool
