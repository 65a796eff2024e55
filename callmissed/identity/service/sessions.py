"""Sessions: which browser is signed in as whom. Opaque tokens of 256 random bits, kept as keyed hashes only."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import repository
from callmissed.identity.devices import describe
from callmissed.identity.methods import is_strong
from callmissed.identity.models import Session
from callmissed.identity.roles import permissions_of
from callmissed.identity.service.accounts import RETENTION_CLASS, platform

IDLE = timedelta(days=14)
ABSOLUTE = timedelta(days=90)
FRESH = timedelta(minutes=15)
SEEN_EVERY = timedelta(minutes=10)
"""`last_seen_at` is written at most so often: a page view is no reason to write."""

WORKS_IN = "membership"
"""Kind of directory entry that leads from a user to the tenants they work in."""

HASH = "session"


@dataclass(frozen=True, slots=True)
class Current:
    """Who a token belongs to, and where they are working; no tenant before they have founded one."""

    session_id: UUID
    user_id: UUID
    tenant_id: UUID | None
    methods: tuple[str, ...] = ()
    opened_at: datetime | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether they proved who they are so recently that they may change how they prove it."""
        return self.opened_at is not None and clock.now() - self.opened_at < FRESH


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
    tx: Tx, user_id: UUID, tenant_id: UUID | None, user_agent: str, *, methods: Collection[str] = ()
) -> str:
    """Sign a browser in under a token nobody has seen before, and return it. `methods`: how it was proven who it is."""
    token, now = secrets.token_urlsafe(32), clock.now()
    row = Session(
        id=uuid7(), user_id=user_id, tenant_id=tenant_id, last_seen_at=now, expires_at=now + ABSOLUTE
    )
    row.methods = list(methods)
    row.token_hash = tx.vault.keyed_hash(HASH, token)
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.device = box.seal(Session.device, row.id, describe(user_agent))
    tx.session.add(row)
    await tx.session.flush()
    await audit.record(
        tx, "identity:session:opened", subject=user_id, target=row.id, body={"methods": list(methods)}
    )
    return token


async def current(tx: Tx, token: str) -> Current | None:
    """Who holds this token; None when it is unknown, ended, idle for too long or signed out."""
    row = await repository.session_under(tx, tx.vault.keyed_hash(HASH, token))
    now = clock.now()
    if row is None or row.revoked_at is not None or row.expires_at <= now or row.last_seen_at + IDLE <= now:
        return None
    if row.last_seen_at + SEEN_EVERY <= now:
        row.last_seen_at = now
    return Current(row.id, row.user_id, row.tenant_id, tuple(row.methods), row.created_at)


async def strengthen(tx: Tx, session_id: UUID, method: str) -> None:
    """Note that whoever holds this session has just proven a further factor."""
    row = await tx.session.get(Session, session_id, with_for_update=True)
    if row is not None and method not in row.methods:
        row.methods = [*row.methods, method]
        await audit.record(
            tx, "identity:session:strengthened", subject=row.user_id, target=row.id, body={"method": method}
        )


async def sign_out(tx: Tx, token: str) -> None:
    """End the session of this token, if it is one."""
    row = await repository.session_under(tx, tx.vault.keyed_hash(HASH, token))
    if row is not None and row.revoked_at is None:
        row.revoked_at = clock.now()
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

        None as well while the workspace asks for a second factor and they have not proven one.
        """
        return await self._standing(await self.who(visitor), enough=is_strong)

    async def own_account(self, visitor: Visitor) -> Access | None:
        """Their standing towards their own account, without any permission of the workspace: enough to add a factor."""
        access = await self._standing(await self.who(visitor), enough=lambda _: True)
        return Access(access.tenant_id, access.actor) if access else None

    async def is_barred(self, visitor: Visitor) -> bool:
        """Whether they are signed in, and only lack the second factor that their workspace asks for."""
        return await self.access(visitor) is None and await self.own_account(visitor) is not None

    async def _standing(
        self, found: Current | None, enough: Callable[[Collection[str]], bool]
    ) -> Access | None:
        if found is None or found.tenant_id is None:
            return None
        async with self._db.tenant(Access.system(found.tenant_id)) as tx:
            member = await repository.membership(tx, found.user_id)
            tenant = await repository.tenant(tx, found.tenant_id)
        if member is None or tenant is None or tenant.state != "active":
            return None
        if tenant.requires_second_factor and not enough(found.methods):
            return None
        return Access(found.tenant_id, Actor("user", found.user_id), permissions_of(member.role))
