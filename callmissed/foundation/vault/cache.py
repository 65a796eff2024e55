"""Unwrapped keys in memory: never longer than a minute, never more than so many, gone as soon as erasure says so."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym
from callmissed.foundation.vault.blob import DataKey

declare_store(
    "unwrapped keys",
    "memory",
    {"keys": pseudonym(Whose.CONTACT, "data keys by owner")},
    Keep(until="a minute has passed, or the key is destroyed", promise="keep.active"),
)

K = TypeVar("K")
V = TypeVar("V")


class Fading(Generic[K, V]):
    """A map whose entries fade `seconds` after they were put, and the oldest of which go beyond `most` entries."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, or None when it is not there or has faded."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= time.monotonic():
            del self._entries[key]
            return None
        return entry[1]

    def put(self, key: K, value: V, since: float | None = None) -> None:
        """Keep a value that was read at `since` (monotonic seconds; default now)."""
        self._entries.pop(key, None)
        self._entries[key] = ((since or time.monotonic()) + self._seconds, value)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget one entry."""
        self._entries.pop(key, None)

    def drop_where(self, wanted: Callable[[K, V], bool]) -> None:
        """Forget every entry that `wanted` answers for."""
        for key in [key for key, (_, value) in self._entries.items() if wanted(key, value)]:
            del self._entries[key]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


class KeyCache:
    """Data keys by id and by owner, epoch keys by number, index keys by column. One per process."""

    def __init__(self, seconds: float = 60, most: int = 20_000) -> None:
        self._by_id: Fading[UUID, DataKey] = Fading(seconds, most)
        self._by_owner: Fading[tuple[UUID, UUID, str], DataKey] = Fading(seconds, most)
        self.epochs: Fading[tuple[UUID, int], AESGCM] = Fading(seconds, most)
        self.subkeys: Fading[tuple[UUID | None, str], bytes] = Fading(seconds, most)
        self.evictions = 0
        """Rises with every eviction: what was read before one must not be put after it."""

    def by_id(self, key_id: UUID) -> DataKey | None:
        """The data key with this id."""
        return self._by_id.get(key_id)

    def by_owner(self, tenant_id: UUID, person_id: UUID, retention_class: str) -> DataKey | None:
        """The data key of this person and class."""
        return self._by_owner.get((tenant_id, person_id, retention_class))

    def put(self, key: DataKey, since: float, evictions: int) -> None:
        """Keep a key read at `since`, unless something was evicted meanwhile: it might have been this one."""
        if evictions == self.evictions:
            self._by_id.put(key.id, key, since)
            self._by_owner.put((key.tenant_id, key.person_id, key.retention_class), key, since)

    def evict(self, tenant_id: UUID, person_id: UUID | None = None) -> None:
        """Forget a tenant's epoch keys, and the data keys of one person or, without one, of the whole tenant."""
        self.evictions += 1
        self.epochs.drop_where(lambda epoch, _: epoch[0] == tenant_id)
        self.subkeys.drop_where(lambda place, _: place[0] == tenant_id)
        for part in (self._by_owner, self._by_id):
            part.drop_where(lambda _, key: key.tenant_id == tenant_id and person_id in (None, key.person_id))

    def clear(self) -> None:
        """Forget everything: news may have been missed."""
        self.evictions += 1
        for part in (self._by_id, self._by_owner, self.epochs, self.subkeys):
            part.clear()
