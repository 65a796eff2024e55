"""The gateway's hot path: from a secret or a token to what it may do.

A known key is answered from memory. Whatever changes a key is announced in the transaction that does it and evicts the key
from every process; memory is trusted only while such news is proved to arrive (see `hearing`), so that a revoked key is
refused everywhere within a second, also by a process that has gone deaf. What cannot be a key is refused without asking
anyone. Secrets are looked up by their keyed hash alone: how long that takes says nothing about any secret.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.database import Database
from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym
from callmissed.foundation.live import LiveBus
from callmissed.foundation.problems import Problem
from callmissed.identity import key_format, key_tokens
from callmissed.identity.hearing import TRUST_SECONDS, Hearing
from callmissed.identity.key_access import KeyAccess, accesses
from callmissed.identity.key_holds import Holds
from callmissed.identity.key_problems import KeyReplaced
from callmissed.identity.key_reading import KeyReader, Wanted
from callmissed.identity.problems import KeyMalformed, KeyUnknown
from callmissed.identity.service.keys import HASH, TOPIC

FRESH_SECONDS = 60.0
REFUSED_SECONDS = 10.0
MOST = 10_000

declare_store(
    "key ring",
    "memory",
    {"key": pseudonym(Whose.USER, "keyed hash of a secret, with the key's tenant and permissions")},
    Keep(until="a minute, or the key's revocation", promise="keep.active"),
)


@dataclass(eq=False, slots=True)
class _Known:
    """A key in memory: what each of its secrets gives. Times are of `time.monotonic`."""

    tenant_id: UUID
    key_id: UUID
    secrets: dict[bytes, KeyAccess]
    read_at: float
    refresh_at: float
    stale_at: float
    used: set[bytes] = field(default_factory=set[bytes])


class KeyRing:
    """Resolves keys and tokens. One per process; `start` it before the first use and `stop` it with the process."""

    def __init__(self, db: Database, live: LiveBus, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._vault = db.vault
        self._reader = KeyReader(db.direct("keys"), HASH)
        self._live = live
        self._fresh_seconds = fresh_seconds
        self._hearing = Hearing(db.direct("beats"), TOPIC)
        self._holds = Holds(self._read_again, self._hearing)
        self._by_hash: dict[bytes, _Known] = {}
        self._by_id: dict[UUID, _Known] = {}
        self._refused: dict[bytes | UUID, tuple[type[Problem], float]] = {}
        self._loading: dict[bytes | UUID, asyncio.Task[_Known]] = {}
        self._evictions = 0
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to listen for news of keys."""
        self._running = [
            asyncio.create_task(self._listen(), name="key-ring"),
            asyncio.create_task(self._hearing.beat(), name="key-ring beat"),
            asyncio.create_task(self._holds.watch(), name="key-ring holds"),
        ]
        await asyncio.sleep(0)  # the reader is registered before anything is remembered

    async def stop(self) -> None:
        """Forget everything and stop listening."""
        self._forget_all()
        self._holds.stop()
        for task in (*self._running, *self._loading.values()):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Problem):
                await task
        await self._reader.stop()
        self._running = []

    async def resolve(self, secret: str) -> KeyAccess:
        """What this key or token may do.

        Raises KeyMalformed, KeyUnknown, KeyRevoked, KeyExpired, KeyReplaced, KeyOwnerGone, WorkspaceClosed, and for tokens
        TokenMalformed and TokenExpired.
        """
        if secret.startswith(key_tokens.PREFIX):
            return await self._by_token(secret)
        lookup = self._vault.keyed_hash(HASH, secret)
        known = self._by_hash.get(lookup)
        if known is None or not self._trusted(known):
            if not key_format.well_formed(secret):
                raise KeyMalformed
            known = await self._once(lookup, None)
        found = known.secrets.get(lookup)
        if found is None:
            raise KeyUnknown
        known.used.add(lookup)
        return _living(found)

    async def standing(self, tenant_id: UUID, key_id: UUID) -> KeyAccess:
        """What a key may do by its newest secret: for work that it has left behind. Raises as `resolve` does."""
        known = self._by_id.get(key_id)
        if known is None or not self._trusted(known):
            known = await self._once(key_id, tenant_id)
        if known.tenant_id != tenant_id:
            raise KeyUnknown
        return _living(max(known.secrets.values(), key=lambda each: each.serial))

    def hold(self, key: KeyAccess, end: Callable[[Problem], None]) -> AbstractContextManager[None]:
        """While the block runs, call `end` with the reason within a second of this key's end, whichever node ended it."""
        known, now = self._by_id.get(key.key_id), clock.now()
        seen = known.secrets.values() if known is not None and self._trusted(known) else ()
        certain = any(
            each.serial == key.serial and (each.expires_at is None or each.expires_at > now) for each in seen
        )
        return self._holds.hold(key, end, certain=certain)

    async def _by_token(self, token: str) -> KeyAccess:
        claims = key_tokens.read(self._vault, token)
        known = self._by_id.get(claims.key)
        if known is None or not self._trusted(known):
            known = await self._once(claims.key, claims.tenant)
        for found in known.secrets.values():
            if found.serial == claims.serial:
                return key_tokens.narrowed(_living(found), claims)
        raise KeyReplaced

    def _trusted(self, known: _Known) -> bool:
        """Whether what is remembered may be used; starts to read it again in good time, without anybody waiting."""
        now = time.monotonic()
        self._hearing.wanted(now)
        if now >= known.stale_at or (
            now >= self._hearing.trusted_until and now >= known.read_at + TRUST_SECONDS
        ):
            return False
        if now >= known.refresh_at:
            known.refresh_at = known.stale_at
            self._begin(known.key_id, known.tenant_id, known.used)
        return True

    async def _once(self, which: bytes | UUID, tenant_id: UUID | None) -> _Known:
        """Read a key from the database; whoever asks for the same one meanwhile waits for the same answer."""
        refused, until = self._refused.get(which, (KeyUnknown, 0.0))
        if until > time.monotonic():
            raise refused
        return await asyncio.shield(self._loading.get(which) or self._begin(which, tenant_id))

    def _begin(
        self, which: bytes | UUID, tenant_id: UUID | None, used: Collection[bytes] = ()
    ) -> "asyncio.Task[_Known]":
        task = asyncio.create_task(self._load(which, tenant_id, used), name="key-ring load")
        self._loading[which] = task
        task.add_done_callback(lambda done: self._ended(which, done))
        return task

    def _ended(self, which: bytes | UUID, task: "asyncio.Task[_Known]") -> None:
        """Remember a refusal for a few seconds: a program that does not stop must not keep the database busy."""
        self._loading.pop(which, None)
        failure = (
            None if task.cancelled() else task.exception()
        )  # asked for, so that asyncio does not complain
        if not isinstance(failure, Problem):
            return
        if isinstance(which, UUID):
            self._forget(which)
        if len(self._refused) >= MOST:
            self._refused.clear()
        self._refused[which] = (type(failure), time.monotonic() + REFUSED_SECONDS)

    async def _load(self, which: bytes | UUID, tenant_id: UUID | None, used: Collection[bytes]) -> _Known:
        evictions, since = self._evictions, time.monotonic()
        by_hash = isinstance(which, bytes)
        wanted = Wanted(which, used=(which,)) if by_hash else Wanted(None, tenant_id, which, used)
        row = await self._reader.read(wanted)
        if row is None:
            raise KeyUnknown
        row.check()
        refresh_at = since + self._fresh_seconds
        known = _Known(
            row.tenant_id, row.id, accesses(row), since, refresh_at, refresh_at + self._fresh_seconds
        )
        if evictions == self._evictions:  # otherwise it may have been changed while it was read
            self._remember(known)
        return known

    async def _read_again(self, tenant_id: UUID, key_id: UUID) -> Collection[KeyAccess]:
        return (await self._load(key_id, tenant_id, ())).secrets.values()

    def _remember(self, known: _Known) -> None:
        self._forget(known.key_id)
        if len(self._by_id) >= MOST:
            self._forget(next(iter(self._by_id)))
        self._by_id[known.key_id] = known
        for lookup in known.secrets:
            self._by_hash[lookup] = known

    def _forget(self, key_id: UUID) -> None:
        known = self._by_id.pop(key_id, None)
        for lookup in known.secrets if known else ():
            self._by_hash.pop(lookup, None)

    def _forget_all(self) -> None:
        self._by_hash.clear()
        self._by_id.clear()
        self._refused.clear()

    async def _listen(self) -> None:
        async for news in self._live.listen(TOPIC):
            if "beat" in news:
                self._hearing.heard(news["beat"])
                continue
            self._evictions += 1
            self._refused.clear()
            if "key" in news:
                self._forget(UUID(news["key"]))
                self._holds.ask(UUID(news["key"]))
            elif "tenant" in news:
                tenant = UUID(news["tenant"])
                for key_id in [each.key_id for each in self._by_id.values() if each.tenant_id == tenant]:
                    self._forget(key_id)
                self._holds.ask_for(tenant)
            else:  # some news were missed
                self._hearing.distrust()
                self._forget_all()
                self._holds.ask_for(None)


def _living(found: KeyAccess) -> KeyAccess:
    if found.expires_at is not None and found.expires_at <= clock.now():
        raise found.ended
    return found
