"""The vault: seals personal data under a key per person, opens it again, and destroys keys when a person is erased."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple, Self
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.vault import epochs, indexes, repository, wrapping
from callmissed.foundation.vault.blob import Box, ColumnName, DataKey, column_label, key_id_of, open_blob
from callmissed.foundation.vault.cache import KeyCache
from callmissed.foundation.vault.epochs import Destroyed
from callmissed.foundation.vault.keyring import KEY, Keyring
from callmissed.foundation.vault.problems import Erased, KeyUnavailable
from callmissed.foundation.vault.repository import Connection, StoredKey

CACHE_SECONDS = 60
"""The longest a destroyed key can linger in the memory of a process that missed the news."""

ATTEMPTS = 5
"""An epoch may turn between reading a row and reading its epoch key; then the row is read again."""


class SealedValue(NamedTuple):
    """A stored blob with the place it belongs to."""

    column: ColumnName
    row_id: UUID
    person_id: UUID
    blob: bytes


@dataclass(frozen=True, slots=True)
class Census:
    """The state of the keys: how many there are, and the tenants whose epoch has not finished turning."""

    tenants: int
    keys: int
    unfinished: tuple[UUID, ...]


class Vault:
    """All keys of an installation, over its key plane (`dsn`, a libpq connection string) and its keyring.

    Use `async with vault:` or `start` and `stop`. Unwrapped keys stay in memory for `cache_seconds` at most.
    """

    def __init__(
        self, dsn: str, keyring: Keyring, *, pool_size: int = 4, cache_seconds: float = CACHE_SECONDS
    ) -> None:
        self.keyring = keyring
        self._dsn = dsn
        self._cache = KeyCache(cache_seconds)
        # A key must be on disk before anything sealed with it, and before an older epoch is destroyed.
        options = {
            "autocommit": True,
            "options": "-c synchronous_commit=on",
            "application_name": "callmissed vault",
        }
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn, min_size=1, max_size=pool_size, open=False, kwargs=options
        )
        self._listener: asyncio.Task[None] | None = None
        self._turning = (
            asyncio.Lock()
        )  # whoever waits for another's turn does not hold a connection meanwhile

    async def start(self) -> None:
        """Connect, listen for erasures made by other processes, and finish what a crash left half done."""
        await self._pool.open(wait=True)
        listening = asyncio.Event()
        self._listener = asyncio.create_task(self._listen(listening), name="vault-evictions")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(listening.wait(), timeout=5)
        await self.resume_rewrap()

    async def stop(self) -> None:
        """Stop listening, forget all keys and disconnect."""
        if self._listener:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        self._cache.clear()
        await self._pool.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def for_tenant(self, tenant_id: UUID) -> "TenantVault":
        """The vault as one tenant's transaction sees it."""
        return TenantVault(self, tenant_id)

    # Sealing and opening

    async def person(self, tenant_id: UUID, person_id: UUID, retention_class: str) -> Box:
        """The person's box for data of this class. Its key is made on first use, and is durable when this returns."""
        known = self._cache.by_owner(tenant_id, person_id, retention_class)
        if known is not None:
            return Box(known)
        for _ in range(ATTEMPTS):
            evictions, since = self._cache.evictions, time.monotonic()
            async with self._pool.connection() as connection:
                row = await repository.find(connection, tenant_id, person_id, retention_class)
                row = row or await self._create(connection, tenant_id, person_id, retention_class)
            key = row and self._unwrap(row)
            if key:
                self._cache.put(key, since, evictions)
                return Box(key)
        raise KeyUnavailable

    async def open(
        self, tenant_id: UUID, column: ColumnName, row_id: UUID, person_id: UUID, blob: bytes
    ) -> str:
        """The text sealed in this place. Raises Erased when its key is gone, Tampered when it was sealed elsewhere."""
        return (await self.open_bytes(tenant_id, column, row_id, person_id, blob)).decode()

    async def open_bytes(
        self, tenant_id: UUID, column: ColumnName, row_id: UUID, person_id: UUID, blob: bytes
    ) -> bytes:
        """The bytes sealed in this place. Raises Erased and Tampered like `open`."""
        key_id = key_id_of(blob)
        key = (await self._keys(tenant_id, [key_id])).get(key_id)
        if key is None:
            raise Erased
        return open_blob(key, column, row_id, person_id, blob)

    async def open_many(self, tenant_id: UUID, values: Iterable[SealedValue]) -> list[str | None]:
        """The texts in order, None for what was erased; at most one round trip. Raises Tampered."""
        listed = [(key_id_of(value[3]), value) for value in values]
        keys = await self._keys(tenant_id, {key_id for key_id, _ in listed})
        return [
            open_blob(key, *value).decode() if (key := keys.get(key_id)) else None for key_id, value in listed
        ]

    # Looking up

    def blind_index(self, tenant_id: UUID, column: ColumnName, value: str) -> bytes:
        """The 16-byte tag by which this tenant finds a sealed value. Normalise the value first."""
        return indexes.blind_tag(self._index_key(tenant_id, column_label(column)), value)

    def platform_index(self, name: str, value: str) -> bytes:
        """The 16-byte tag by which the installation finds a value before a tenant is known (sign-in by e-mail)."""
        return indexes.blind_tag(self._index_key(PLATFORM, f"platform|{name}"), value)

    def keyed_hash(self, name: str, value: str) -> bytes:
        """The 32-byte hash under which a secret or code of this kind is kept; useless without the keyring."""
        return indexes.keyed_hash(self._index_key(None, name), value)

    # Erasing and turning

    async def key_ids(
        self, tenant_id: UUID, person_id: UUID, classes: Sequence[str] | None = None
    ) -> list[UUID]:
        """The ids of a person's data keys: note them before erasing, so that a receipt survives a crash."""
        async with self._pool.connection() as connection:
            return await repository.keys_of(connection, tenant_id, [person_id], classes)

    async def tenant_key_ids(self, tenant_id: UUID) -> list[UUID]:
        """The ids of a tenant's data keys: note them before erasing it."""
        async with self._pool.connection() as connection:
            return await repository.keys_of_tenant(connection, tenant_id)

    async def tenants_of(self, person_id: UUID) -> list[UUID]:
        """The tenants in which a person has data keys: where an account holder has to be erased."""
        async with self._pool.connection() as connection:
            return await repository.tenants_of(connection, person_id)

    async def erase_person(
        self, tenant_id: UUID, person_id: UUID, classes: Sequence[str] | None = None
    ) -> Destroyed:
        """Destroy a person's data keys, of these retention classes or of all. Returns when no copy can be opened.

        May be repeated after a crash. Deletes are no erasure in PostgreSQL: heap, WAL and backups keep the bytes; what
        goes is the key to them.
        """
        return await self.erase_people(tenant_id, [person_id], classes)

    async def erase_people(
        self, tenant_id: UUID, people: Sequence[UUID], classes: Sequence[str] | None = None
    ) -> Destroyed:
        """Destroy the data keys of many people of one tenant, turning its epoch once."""
        async with self._turning:
            destroyed = await epochs.destroy_keys(self._pool, self.keyring, tenant_id, people, classes)
        self._cache.evict(tenant_id)
        return destroyed

    async def erase_tenant(self, tenant_id: UUID) -> tuple[UUID, ...]:
        """Destroy every key of a tenant, its indexes' too; returns the ids of its data keys. May be repeated."""
        gone: list[UUID] = []
        for last in (
            False,
            True,
        ):  # the second time for a key made in between, whose epoch goes with the rest
            async with self._turning, self._pool.connection() as connection, connection.transaction():
                await repository.lock_tenant(connection, tenant_id, exclusive=True)
                gone += await repository.delete_tenant(connection, tenant_id)
                await repository.tell_to_evict(connection, tenant_id, ())
                if last:
                    self.keyring.forget(tenant_id)
        self._cache.evict(tenant_id)
        return tuple(gone)

    async def rotate_epoch(self, tenant_id: UUID) -> int:
        """Turn a tenant's epoch: wrap all its data keys anew, destroy the old epoch key. Returns the new one."""
        async with self._turning:
            return await epochs.rotate(self._pool, self.keyring, tenant_id)

    async def rotate_older_than(self, age: timedelta) -> list[UUID]:
        """Turn every epoch that was begun longer ago than this; returns the tenants it was done for."""
        old = [tenant for tenant in self.keyring.tenants() if self.keyring.age(tenant) > age]
        for tenant_id in old:
            await self.rotate_epoch(tenant_id)
        return old

    async def resume_rewrap(self) -> list[UUID]:
        """Finish every turn that a crash interrupted; returns the tenants it was done for."""
        unfinished = self._unfinished()
        for tenant_id in unfinished:
            async with self._turning, self._pool.connection() as connection:
                await epochs.finish(connection, self.keyring, tenant_id)
        return unfinished

    async def census(self) -> Census:
        """How many keys there are, and which tenants' epochs have not finished turning."""
        async with self._pool.connection() as connection:
            counted = await repository.counts(connection)
        return Census(len(counted), sum(counted.values()), tuple(self._unfinished()))

    # Inside

    def _index_key(self, tenant_id: UUID | None, label: str) -> bytes:
        """The key of one label: of this tenant, or of the installation's pepper."""
        known = self._cache.subkeys.get((tenant_id, label))
        if known is None:
            key = (
                self.keyring.index_key(tenant_id) if tenant_id is not None else self.keyring.secret("pepper")
            )
            known = indexes.subkey_for(key, label)
            self._cache.subkeys.put((tenant_id, label), known)
        return known

    def _unfinished(self) -> list[UUID]:
        return [tenant for tenant in self.keyring.tenants() if len(self.keyring.epochs(tenant)) > 1]

    async def _create(
        self, connection: Connection, tenant_id: UUID, person_id: UUID, retention_class: str
    ) -> StoredKey | None:
        """A new key, or the one another process has just made. None when that one has been erased again already."""
        async with connection.transaction():
            await repository.lock_tenant(connection, tenant_id, exclusive=False)
            epoch = await epochs.epoch_for_new_keys(connection, self.keyring, tenant_id)
            row = StoredKey(uuid7(), tenant_id, person_id, retention_class, epoch, b"")
            cipher = AESGCM(self.keyring.epoch_key(tenant_id, epoch))
            row = replace(row, wrapped=wrapping.wrap(cipher, row, epoch, os.urandom(KEY)))
            if await repository.insert(connection, row):
                return row
        return await repository.find(connection, tenant_id, person_id, retention_class)

    async def _keys(self, tenant_id: UUID, ids: Iterable[UUID]) -> dict[UUID, DataKey]:
        """Those of the keys that still exist, in at most one round trip while no epoch turns meanwhile."""
        found: dict[UUID, DataKey] = {}
        unknown: list[UUID] = []
        for key_id in ids:
            known = self._cache.by_id(key_id)
            if known is None:
                unknown.append(key_id)
            elif known.tenant_id == tenant_id:
                found[key_id] = known
        for _ in range(ATTEMPTS):
            if not unknown:
                return found
            evictions, since = self._cache.evictions, time.monotonic()
            async with self._pool.connection() as connection:
                rows = await repository.find_many(connection, tenant_id, unknown)
            opened = {row.id: self._unwrap(row) for row in rows}
            for key in filter(None, opened.values()):
                found[key.id] = key
                self._cache.put(key, since, evictions)
            unknown = [key_id for key_id, key in opened.items() if key is None]
        if unknown:
            raise KeyUnavailable
        return found

    def _unwrap(self, row: StoredKey) -> DataKey | None:
        """The data key of a row, or None when the row's epoch has turned since it was read."""
        epoch = (row.tenant_id, row.epoch)
        try:
            cipher = self._cache.epochs.get(epoch)
            if cipher is None:
                cipher = AESGCM(self.keyring.epoch_key(*epoch))
                self._cache.epochs.put(epoch, cipher)
            key = wrapping.unwrap(cipher, row)
        except (wrapping.WrongEpochKey, KeyUnavailable):
            self._cache.epochs.drop(epoch)
            return None
        return DataKey(row.id, row.tenant_id, row.person_id, row.retention_class, AESGCM(key))

    async def _listen(self, listening: asyncio.Event) -> None:
        """Forget keys that another process destroyed. Without a connection, the cache's short life bounds the delay."""
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(repository.EVICT)))
                    listening.set()
                    self._cache.clear()  # whatever was said while nobody listened
                    async for note in connection.notifies():
                        self._cache.evict(*(UUID(part) for part in note.payload.split()))
            await asyncio.sleep(0.5)


@dataclass(frozen=True, slots=True)
class TenantVault:
    """The vault bound to one tenant: what `tx.vault` is. Methods as on `Vault`, without the tenant."""

    vault: Vault
    tenant_id: UUID

    async def person(self, person_id: UUID, retention_class: str) -> Box:
        """The person's box for data of this class."""
        return await self.vault.person(self.tenant_id, person_id, retention_class)

    async def open(self, column: ColumnName, row_id: UUID, person_id: UUID, blob: bytes) -> str:
        """The text sealed in this place. Raises Erased and Tampered."""
        return await self.vault.open(self.tenant_id, column, row_id, person_id, blob)

    async def open_bytes(self, column: ColumnName, row_id: UUID, person_id: UUID, blob: bytes) -> bytes:
        """The bytes sealed in this place. Raises Erased and Tampered."""
        return await self.vault.open_bytes(self.tenant_id, column, row_id, person_id, blob)

    async def open_many(self, values: Iterable[SealedValue]) -> list[str | None]:
        """The texts in order, None for what was erased; at most one round trip. Raises Tampered."""
        return await self.vault.open_many(self.tenant_id, values)

    async def key_ids(self, person_id: UUID, classes: Sequence[str] | None = None) -> list[UUID]:
        """The ids of a person's data keys."""
        return await self.vault.key_ids(self.tenant_id, person_id, classes)

    def blind_index(self, column: ColumnName, value: str) -> bytes:
        """The 16-byte tag by which this tenant finds a sealed value."""
        return self.vault.blind_index(self.tenant_id, column, value)

    def platform_index(self, name: str, value: str) -> bytes:
        """The 16-byte tag by which the installation finds a value before a tenant is known."""
        return self.vault.platform_index(name, value)

    def keyed_hash(self, name: str, value: str) -> bytes:
        """The 32-byte hash under which a secret or code of this kind is kept."""
        return self.vault.keyed_hash(name, value)
