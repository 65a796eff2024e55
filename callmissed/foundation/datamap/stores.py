"""Entries of the data map that are no tables: files, queues, caches, log fields, vectors."""

from dataclasses import dataclass
from typing import Literal

from callmissed.foundation.datamap.declare import Holds, Keep

StoreKind = Literal["file", "queue", "cache", "log", "vector", "memory", "database"]


@dataclass(frozen=True, slots=True)
class Store:
    """A place outside the tables that holds data: its name, what each field holds, how long it lives."""

    name: str
    kind: StoreKind
    fields: dict[str, Holds]
    keep: Keep


_stores: dict[str, Store] = {}


def declare_store(name: str, kind: StoreKind, fields: dict[str, Holds], keep: Keep) -> Store:
    """Enter a store into the data map. Raises ValueError when the name is taken by a different declaration."""
    store = Store(name, kind, fields, keep)
    if _stores.setdefault(name, store) != store:
        reason = f"store {name} is declared twice"
        raise ValueError(reason)
    return store


def stores() -> tuple[Store, ...]:
    """All declared stores, by name."""
    return tuple(_stores[name] for name in sorted(_stores))
