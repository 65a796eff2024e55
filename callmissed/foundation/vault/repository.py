"""All SQL of the key plane. Every statement names the tenant, but the two that look for tenants."""

import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row

from callmissed.foundation.datamap import Keep, Whose, declare_store, nothing, pseudonym
from callmissed.foundation.postgres import Dsn

declare_store(
    "key plane: data_key",
    "database",
    {
        "tenant_id": nothing("the tenant"),
        "person_id": pseudonym(Whose.CONTACT, "whose key it is"),
        "retention_class": nothing("for which kind of data"),
        "epoch": nothing("which epoch key wraps it"),
        "wrapped": nothing("the data key, wrapped"),
    },
    Keep(until="the person or the retention class is erased", promise="keep.active"),
)

EVICT = "cm_vault_evict"
"""The channel on which processes are told to forget keys: "<tenant>" or "<tenant> <person>"."""

SCHEMA = Path(__file__).parent / "schema.sql"

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One row of `data_key`."""

    id: UUID
    tenant_id: UUID
    person_id: UUID
    retention_class: str
    epoch: int
    wrapped: bytes


def create_key_plane(keys: Dsn) -> None:
    """Create the key plane's table where it is missing. Safe to repeat."""
    with psycopg.connect(keys.psycopg, autocommit=True) as connection:
        connection.execute(SCHEMA.read_bytes())


async def lock_tenant(connection: Connection, tenant_id: UUID, *, exclusive: bool) -> None:
    """Until the transaction ends: makers of keys share the lock, whoever begins an epoch holds it alone."""
    number = (int.from_bytes(tenant_id.bytes[8:], signed=True),)  # the random half of a UUIDv7
    if exclusive:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", number)
    else:
        await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", number)


@asynccontextmanager
async def finishing(connection: Connection, tenant_id: UUID) -> AsyncGenerator[None]:
    """Hold the right to re-wrap the tenant's keys. Ends with the block, or with the connection."""
    numbers = struct.unpack(">ii", tenant_id.bytes[8:])  # two numbers lie in another space of locks than one
    await connection.execute("SELECT pg_advisory_lock(%s, %s)", numbers)
    try:
        yield
    finally:
        if not connection.closed:
            await connection.execute("SELECT pg_advisory_unlock(%s, %s)", numbers)


async def find(
    connection: Connection, tenant_id: UUID, person_id: UUID, retention_class: str
) -> StoredKey | None:
    """The data key of a person and class."""
    query = """
        SELECT id, tenant_id, person_id, retention_class, epoch, wrapped FROM data_key
        WHERE tenant_id = %s AND person_id = %s AND retention_class = %s"""
    async with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
        await cursor.execute(query, (tenant_id, person_id, retention_class))
        return await cursor.fetchone()


async def find_many(connection: Connection, tenant_id: UUID, ids: Sequence[UUID]) -> list[StoredKey]:
    """Those of the given keys that exist and belong to the tenant."""
    query = """
        SELECT id, tenant_id, person_id, retention_class, epoch, wrapped FROM data_key
        WHERE tenant_id = %s AND id = ANY(%s)"""
    async with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
        await cursor.execute(query, (tenant_id, list(ids)))
        return await cursor.fetchall()


async def insert(connection: Connection, key: StoredKey) -> bool:
    """Store a key; False when the person already has one of this class."""
    query = """
        INSERT INTO data_key (id, tenant_id, person_id, retention_class, epoch, wrapped)
        VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
    values = (key.id, key.tenant_id, key.person_id, key.retention_class, key.epoch, key.wrapped)
    return (await connection.execute(query, values)).rowcount == 1


async def keys_of(
    connection: Connection, tenant_id: UUID, people: Sequence[UUID], classes: Sequence[str] | None
) -> list[UUID]:
    """The ids of the data keys of these people, of the given classes or of all."""
    query = """
        SELECT id FROM data_key WHERE tenant_id = %(tenant)s AND person_id = ANY(%(people)s)
        AND (%(classes)s::text[] IS NULL OR retention_class = ANY(%(classes)s::text[])) ORDER BY id"""
    return await _ids(connection, query, _whose(tenant_id, people, classes))


async def tenants_of(connection: Connection, person_id: UUID) -> list[UUID]:
    """The tenants in which a person has data keys."""
    query = "SELECT DISTINCT tenant_id FROM data_key WHERE person_id = %(person)s"
    return await _ids(connection, query, {"person": person_id})


async def delete(
    connection: Connection, tenant_id: UUID, people: Sequence[UUID], classes: Sequence[str] | None
) -> list[UUID]:
    """Delete those data keys and return their ids."""
    query = """
        DELETE FROM data_key WHERE tenant_id = %(tenant)s AND person_id = ANY(%(people)s)
        AND (%(classes)s::text[] IS NULL OR retention_class = ANY(%(classes)s::text[])) RETURNING id"""
    return await _ids(connection, query, _whose(tenant_id, people, classes))


async def keys_of_tenant(connection: Connection, tenant_id: UUID) -> list[UUID]:
    """The ids of every data key of a tenant."""
    return await _ids(
        connection, "SELECT id FROM data_key WHERE tenant_id = %(tenant)s", {"tenant": tenant_id}
    )


async def delete_tenant(connection: Connection, tenant_id: UUID) -> list[UUID]:
    """Delete every data key of a tenant and return their ids."""
    return await _ids(
        connection, "DELETE FROM data_key WHERE tenant_id = %(tenant)s RETURNING id", {"tenant": tenant_id}
    )


def _whose(tenant_id: UUID, people: Sequence[UUID], classes: Sequence[str] | None) -> dict[str, Any]:
    return {
        "tenant": tenant_id,
        "people": list(people),
        "classes": None if classes is None else list(classes),
    }


async def _ids(connection: Connection, query: str, values: dict[str, Any]) -> list[UUID]:
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(query.encode(), values)
        return sorted(await cursor.fetchall())


async def tell_to_evict(connection: Connection, tenant_id: UUID, people: Sequence[UUID]) -> None:
    """Tell every process, at commit, to forget keys: of these people, or without any of the whole tenant."""
    news = [f"{tenant_id} {person}" for person in people] or [str(tenant_id)]
    query = "SELECT pg_notify(%s, news) FROM unnest(%s::text[]) AS news"
    await connection.execute(query, (EVICT, news))


async def stale(
    connection: Connection, tenant_id: UUID, before: int, after: tuple[UUID, str], limit: int
) -> list[StoredKey]:
    """The next keys, by person and class, that are wrapped by an epoch older than `before`."""
    query = """
        SELECT id, tenant_id, person_id, retention_class, epoch, wrapped FROM data_key
        WHERE tenant_id = %s AND (person_id, retention_class) > (%s, %s) AND epoch < %s
        ORDER BY person_id, retention_class LIMIT %s"""
    async with connection.cursor(row_factory=class_row(StoredKey), binary=True) as cursor:
        await cursor.execute(query, (tenant_id, *after, before, limit))
        return await cursor.fetchall()


async def rewrap(
    connection: Connection, tenant_id: UUID, epoch: int, ids: Sequence[UUID], wrapped: Sequence[bytes]
) -> None:
    """Store keys wrapped anew. Rows that have gone, or that someone brought to a later epoch, stay as they are."""
    query = """
        UPDATE data_key SET wrapped = turned.wrapped, epoch = %b
        FROM unnest(%b::uuid[], %b::bytea[]) AS turned (id, wrapped)
        WHERE data_key.tenant_id = %b AND data_key.id = turned.id AND data_key.epoch < %b"""
    await connection.execute(query, (epoch, list(ids), list(wrapped), tenant_id, epoch))


async def any_before(connection: Connection, tenant_id: UUID, epoch: int) -> bool:
    """Whether any key of the tenant is still wrapped by an epoch older than this."""
    query = "SELECT EXISTS (SELECT FROM data_key WHERE tenant_id = %s AND epoch < %s)"
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(query, (tenant_id, epoch))
        return bool(await cursor.fetchone())


async def counts(connection: Connection) -> dict[UUID, int]:
    """The number of data keys of each tenant."""
    cursor = await connection.execute("SELECT tenant_id, count(*) FROM data_key GROUP BY tenant_id")
    return {row[0]: row[1] for row in await cursor.fetchall()}
