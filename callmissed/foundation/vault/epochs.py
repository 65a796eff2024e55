"""Turning an epoch: how a deleted data key becomes unreadable in every copy of the key plane.

1. Under the tenant's lock, alone: begin the next epoch (a file), delete the keys that go (one transaction), commit.
   From here on every new key is wrapped by the new epoch.
2. Bring the survivors to the new epoch, in portions, without a lock. Both epochs can be read.
3. When no row is left in an older epoch, destroy the older epoch files.

A crash leaves more than one epoch file, and that is the mark `finish` works from: it repeats steps 2 and 3. The old
file goes only after the commit of every survivor, which is why the key plane commits synchronously.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg_pool import AsyncConnectionPool

from callmissed.foundation.vault import repository, wrapping
from callmissed.foundation.vault.keyring import Keyring
from callmissed.foundation.vault.problems import KeyUnavailable
from callmissed.foundation.vault.repository import Connection, StoredKey

PORTION = 5_000
"""Keys re-wrapped per transaction."""

NAMED_EVICTIONS = 50
"""Above so many people at once, the whole tenant is evicted from the caches instead of each by name."""

LAST = 2**31 - 1

Pool = AsyncConnectionPool[Connection]


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What an erasure destroyed: ids of the data keys, and the tenant's epoch before and after. Goes on the receipt."""

    key_ids: tuple[UUID, ...]
    epoch_before: int
    epoch_after: int


async def destroy_keys(
    pool: Pool, keyring: Keyring, tenant_id: UUID, people: Sequence[UUID], classes: Sequence[str] | None
) -> Destroyed:
    """Delete these people's data keys and turn the tenant's epoch. With none to delete, only finish what was begun."""
    async with pool.connection() as connection:
        async with connection.transaction():
            await repository.lock_tenant(connection, tenant_id, exclusive=True)
            before = await epoch_for_new_keys(connection, keyring, tenant_id)
            if await repository.keys_of(connection, tenant_id, people, classes):
                keyring.begin_epoch(tenant_id, before + 1)
            gone = await repository.delete(connection, tenant_id, people, classes)
            named = people if len(people) <= NAMED_EVICTIONS else ()
            await repository.tell_to_evict(connection, tenant_id, named)
        after = await finish(connection, keyring, tenant_id)
    return Destroyed(tuple(gone), before, after)


async def rotate(pool: Pool, keyring: Keyring, tenant_id: UUID) -> int:
    """Turn the tenant's epoch with nobody erased, and return the new one."""
    async with pool.connection() as connection:
        async with connection.transaction():
            await repository.lock_tenant(connection, tenant_id, exclusive=True)
            before = await epoch_for_new_keys(connection, keyring, tenant_id)
            keyring.begin_epoch(tenant_id, before + 1)
        return await finish(connection, keyring, tenant_id)


async def epoch_for_new_keys(connection: Connection, keyring: Keyring, tenant_id: UUID) -> int:
    """The epoch that wraps new keys; the caller holds the tenant's lock.

    Raises KeyUnavailable when the tenant has data keys but no epoch: the keyring is not the one they were made with,
    and beginning afresh would hide the loss.
    """
    known = keyring.epochs(tenant_id)
    if known:
        return known[-1]
    if await repository.any_before(connection, tenant_id, LAST):
        raise KeyUnavailable(missing="epoch")
    return keyring.begin_epoch(tenant_id, 1)


async def finish(connection: Connection, keyring: Keyring, tenant_id: UUID) -> int:
    """Bring every survivor to the newest epoch, then destroy the older ones; returns the newest.

    Safe to repeat. One process at a time does it for a tenant; those that waited find the work of all done at once.
    """
    async with repository.finishing(connection, tenant_id):
        while len(known := keyring.epochs(tenant_id)) > 1:
            newest = known[-1]
            await _rewrap(connection, keyring, tenant_id, newest)
            if not await repository.any_before(connection, tenant_id, newest):
                for number in known[:-1]:
                    keyring.end_epoch(tenant_id, number)
    return known[-1]


async def _rewrap(connection: Connection, keyring: Keyring, tenant_id: UUID, newest: int) -> None:
    new = AESGCM(keyring.epoch_key(tenant_id, newest))
    old: dict[int, AESGCM] = {}
    after = (UUID(int=0), "")
    while rows := await repository.stale(connection, tenant_id, newest, after, PORTION):
        for number in {row.epoch for row in rows} - old.keys():
            old[number] = AESGCM(keyring.epoch_key(tenant_id, number))
        wrapped = await asyncio.to_thread(_turned, rows, old, new, newest)
        await repository.rewrap(connection, tenant_id, newest, [row.id for row in rows], wrapped)
        after = (rows[-1].person_id, rows[-1].retention_class)


def _turned(rows: list[StoredKey], old: dict[int, AESGCM], new: AESGCM, newest: int) -> list[bytes]:
    return [wrapping.wrap(new, row, newest, wrapping.unwrap(old[row.epoch], row)) for row in rows]
