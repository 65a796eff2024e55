"""The migrations and the mapped classes make the same database, to the last grant."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg import sql

from callmissed.app import tables
from callmissed.app.installation import Installation
from callmissed.app.migrate import migrate
from callmissed.foundation import datamap
from callmissed.foundation.database.schema import statements
from callmissed.foundation.postgres import ADMIN, Dsn

OURS = "n.nspname IN ('public', 'cm') AND c.relname !~ '^(procrastinate_|alembic_version)'"
TABLES = f"pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND {OURS}"
CATALOGUE = {
    "column": f"""SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
      FROM {TABLES} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relkind IN ('r', 'p')""",
    "constraint": f"""SELECT c.relname, o.conname, pg_get_constraintdef(o.oid) FROM {TABLES} JOIN pg_constraint o ON o.conrelid = c.oid
      WHERE o.contype <> 'n'""",
    "index": f"SELECT pg_get_indexdef(i.indexrelid) FROM {TABLES} JOIN pg_index i ON i.indrelid = c.oid",
    "trigger": f"SELECT pg_get_triggerdef(t.oid) FROM {TABLES} JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal",
    "rights": f"""SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, unnest(c.relacl)::text FROM {TABLES}""",
    "policy": "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies",
    "function": """SELECT p.proname, p.prosrc, p.prosecdef, p.proconfig::text, p.proacl::text
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'cm'""",
    "keeping": "SELECT relation::text, anchor, days FROM cm.keeping",
}


@asynccontextmanager
async def empty_database(installation: Installation, name: str) -> AsyncGenerator[Dsn]:
    """A database beside the installation's own, which other tests sabotage; gone at the end."""
    admin = installation.data.dsn(ADMIN, "postgres").psycopg
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        named = sql.Identifier(name)
        await connection.execute(sql.SQL("CREATE DATABASE {} OWNER cm_owner").format(named))
        try:
            yield installation.data.dsn(ADMIN, name)
        finally:
            await connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(named))


@pytest.fixture
async def declared(installation: Installation) -> AsyncGenerator[psycopg.AsyncConnection]:
    """A database made from the mapped classes alone."""
    tables.load()
    async with (
        empty_database(installation, "as_declared") as dsn,
        await psycopg.AsyncConnection.connect(dsn.psycopg) as inside,
    ):
        await inside.execute("SET ROLE cm_owner")
        for statement in statements(datamap.tables()):
            await inside.execute(statement.encode())
        yield inside


async def catalogue(connection: psycopg.AsyncConnection) -> set[str]:
    """Everything the database says about itself, a line each."""
    return {
        f"{kind}: {row}"
        for kind, query in CATALOGUE.items()
        for row in await (await connection.execute(query.encode())).fetchall()
    }


async def test_all_migrations_make_what_the_classes_say(
    installation: Installation, declared: psycopg.AsyncConnection
) -> None:
    async with empty_database(installation, "as_migrated") as dsn:
        await asyncio.to_thread(migrate, dsn)
        async with await psycopg.AsyncConnection.connect(dsn.psycopg) as connection:
            live = await catalogue(connection)
    wanted = await catalogue(declared)
    assert len(wanted) > 500
    assert not sorted(live ^ wanted)[:20]


@pytest.mark.parametrize(
    "offence",
    [
        "ALTER TABLE wallet ADD COLUMN spare text",
        "ALTER TABLE wallet NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE wallet DROP CONSTRAINT ck_wallet_balance",
        "DROP POLICY verifier_reads ON wallet",
        "GRANT SELECT ON wallet TO cm_search",
        "DROP INDEX ix_session_user_id",
        "DELETE FROM cm.keeping WHERE relation = 'usage_record'::regclass",
        "ALTER TABLE audit_leaf DISABLE TRIGGER ALL; DROP TRIGGER append_only ON audit_leaf",
    ],
)
async def test_a_difference_of_any_kind_is_seen(declared: psycopg.AsyncConnection, offence: str) -> None:
    before = await catalogue(declared)
    for statement in offence.split("; "):
        await declared.execute(statement.encode())
    assert await catalogue(declared) != before
