"""Canary rows: one of each of two tenants in every tenant relation, made from the catalogue so that no relation is forgotten."""

import uuid

import psycopg

COLUMNS = """
SELECT c.relname, a.attname, t.typname, a.attnotnull, a.atthasdef, a.attgenerated <> '' AS generated
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND EXISTS (SELECT FROM pg_attribute x WHERE x.attrelid = c.oid AND x.attname = 'tenant_id')
  AND c.relname NOT IN ('directory_entry', 'session')
ORDER BY c.relname, a.attnum
"""

VALUES = {
    "uuid": "gen_random_uuid()",
    "timestamptz": "now()",
    "date": "CURRENT_DATE",
    "bytea": "'\\x01'::bytea",
    "bool": "true",
    "jsonb": "'{}'::jsonb",
    "tsvector": "''::tsvector",
    "int2": "1",
    "int4": "1",
    "int8": "1",
    "numeric": "1",
    "float8": "1",
    "varchar": "'c'",
    "text": "'c'",
    "bpchar": "'c'",
    "_uuid": "'{}'",
    "_text": "'{}'",
    "_varchar": "'{}'",
    "inet": "'127.0.0.1'",
}


async def plant_canaries(admin_dsn: str) -> tuple[uuid.UUID, uuid.UUID]:
    """Insert them past references and checks (they are about rows, and this is about tenants). Returns the two tenants."""
    tenants = (uuid.uuid4(), uuid.uuid4())
    async with await psycopg.AsyncConnection.connect(admin_dsn) as admin:
        await admin.execute("SET session_replication_role = replica")
        rows = await (await admin.execute(COLUMNS)).fetchall()
        wanted: dict[str, dict[str, str]] = {}
        for table, column, kind, _, _, generated in rows:
            if not generated:
                wanted.setdefault(table, {})[column] = VALUES[kind]
        checks = await (
            await admin.execute(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'"
                " AND connamespace = 'public'::regnamespace AND conparentid = 0"
            )
        ).fetchall()
        await _insert(admin, wanted, tenants, checks)
    return tenants


async def _insert(
    admin: psycopg.AsyncConnection,
    wanted: dict[str, dict[str, str]],
    tenants: tuple[uuid.UUID, uuid.UUID],
    checks: list[tuple[str, ...]],
) -> None:
    """Insert with the CHECK constraints out of the way, and put them back NOT VALID: new rows stay checked."""
    definitions: list[tuple[str, str, str]] = []
    for table, name in checks:
        if table in wanted:
            found = await (
                await admin.execute(
                    "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s AND conrelid = %s::regclass",
                    [name, table],
                )
            ).fetchone()
            assert found
            definitions.append((table, name, found[0]))
            await admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
    for table, columns in wanted.items():
        for tenant in tenants:
            values = columns | {"tenant_id": f"'{tenant}'"}
            await admin.execute(
                f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}".encode()
            )
    for table, name, definition in definitions:
        clean = definition.removesuffix(" NOT VALID")
        await admin.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {clean} NOT VALID".encode())
