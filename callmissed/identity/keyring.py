"""The gateway's hot path: from a secret to the tenant it calls for.

A known key is answered from memory, for a minute at most; revoking one is announced in the transaction that does it and
evicts it from every process within a second. What cannot be a key is refused without asking anyone.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmissed.foundation import clock, directory
from callmissed.foundation.database import Database
from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym
from callmissed.foundation.live import LiveBus
from callmissed.foundation.money import Micro
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import key_format, repository
from callmissed.identity.models import ApiKey
from callmissed.identity.problems import KeyExpired, KeyMalformed, KeyRevoked, KeyUnknown, WorkspaceClosed
from callmissed.identity.service.keys import HASH, TOPIC

FRESH_SECONDS = 60.0
MOST = 10_000

declare_store(
    "key ring",
    "memory",
    {"key": pseudonym(Whose.USER, "keyed hash of a secret, with the key's tenant and permissions")},
    Keep(until="a minute, or the key's revocation", promise="keep.active"),
)


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """What a key may do: its standing in its tenant (permissions are services, such as "llm"), and its limits."""

    key_id: UUID
    access: Access
    expires_at: datetime | None
    monthly_budget: Micro | None

    @property
    def tenant_id(self) -> UUID:
        """The tenant it calls for."""
        return self.access.tenant_id


class KeyRing:
    """Resolves keys. One per process; `start` it before the first use and `stop` it with the process."""

    def __init__(self, db: Database, live: LiveBus, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._db = db
        self._live = live
        self._fresh_seconds = fresh_seconds
        self._known: dict[str, tuple[KeyAccess, float]] = {}
        self._evictions = 0
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen for revocations."""
        self._listener = asyncio.create_task(self._listen(), name="key-ring")
        await asyncio.sleep(0)  # the reader is registered before anything is remembered

    async def stop(self) -> None:
        """Forget everything and stop listening."""
        self._known.clear()
        if self._listener:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener

    async def resolve(self, secret: str) -> KeyAccess:
        """Whom this key calls for. Raises KeyMalformed, KeyUnknown, KeyRevoked, KeyExpired and WorkspaceClosed."""
        if not key_format.well_formed(secret):
            raise KeyMalformed
        lookup = self._db.vault.keyed_hash(HASH, secret).hex()
        known, until = self._known.get(lookup, (None, 0.0))
        if known is None or until <= time.monotonic():
            known = await self._load(lookup)
        if known.expires_at is not None and known.expires_at <= clock.now():
            raise KeyExpired
        return known

    async def _load(self, lookup: str) -> KeyAccess:
        evictions, since = self._evictions, time.monotonic()
        async with self._db.control() as tx:
            entry = await directory.find(tx, HASH, lookup)
        if entry is None:
            raise KeyUnknown
        async with self._db.tenant(Access.system(entry.tenant_id)) as tx:
            row = await repository.key(tx, entry.target_id)
            tenant = await repository.tenant(tx, entry.tenant_id)
            if row is None or tenant is None:
                raise KeyUnknown
            if row.revoked_at is not None:
                raise KeyRevoked
            if tenant.state != "active":
                raise WorkspaceClosed
            await repository.mark_used(tx, row.id, clock.now())
        found = _access(entry.tenant_id, row)
        if evictions == self._evictions:  # otherwise it may have been revoked while it was read
            self._remember(lookup, found, since)
        return found

    def _remember(self, lookup: str, found: KeyAccess, since: float) -> None:
        self._known.pop(lookup, None)
        if len(self._known) >= MOST:
            self._known.pop(next(iter(self._known)))
        self._known[lookup] = (found, since + self._fresh_seconds)

    async def _listen(self) -> None:
        async for news in self._live.listen(TOPIC):
            self._evictions += 1
            if "hash" in news:
                self._known.pop(news["hash"], None)
            else:  # some news were missed
                self._known.clear()


def _access(tenant_id: UUID, row: ApiKey) -> KeyAccess:
    standing = Access(tenant_id, Actor("key", row.id), frozenset(row.permissions))
    budget = Micro(row.monthly_budget) if row.monthly_budget is not None else None
    return KeyAccess(row.id, standing, row.expires_at, budget)
