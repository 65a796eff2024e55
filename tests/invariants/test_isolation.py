"""Tenants are kept apart: the catalogue holds on the live schema, behaviour agrees, and every known trap is caught."""

import uuid
from collections.abc import AsyncGenerator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from callmissed.app.installation import Installation
from callmissed.foundation.database.isolation import CHECKS, CONTROL_WITH_TENANT, findings, relations
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services
from tests.support.canary import plant_canaries

pytestmark = pytest.mark.database

EXAMPLE = (
    "CREATE TABLE planted (tenant_id uuid NOT NULL, id uuid NOT NULL, t text, PRIMARY KEY (tenant_id, id)); "
)
GUARDED = EXAMPLE + "SELECT cm.guard('planted'); "
PARTITIONED = (
    "CREATE TABLE planted (tenant_id uuid NOT NULL, at timestamptz NOT NULL, id uuid NOT NULL, "
    "PRIMARY KEY (tenant_id, at, id)) PARTITION BY RANGE (at); SELECT cm.guard('planted'); "
    "CREATE TABLE planted_1 PARTITION OF planted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); "
)
DEFINER = "CREATE FUNCTION cm.planted() RETURNS int LANGUAGE sql SECURITY DEFINER {} AS 'SELECT 1'"

OFFENCES = {
    "no-row-security": [EXAMPLE, GUARDED + "ALTER TABLE planted NO FORCE ROW LEVEL SECURITY", PARTITIONED],
    "no-policy": [
        EXAMPLE + "ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        GUARDED + "DROP POLICY tenant_isolation ON planted",
    ],
    "weak-policy": [
        GUARDED + "CREATE POLICY open ON planted USING (true)",
        GUARDED + "ALTER POLICY tenant_isolation ON planted WITH CHECK (true)",
        GUARDED + "ALTER POLICY verifier_reads ON planted TO cm_app",
        GUARDED + "CREATE POLICY batch ON planted TO cm_owner USING (true) WITH CHECK (true)",
        GUARDED
        + "CREATE POLICY batch ON planted TO cm_app USING (tenant_id = ANY ((SELECT cm.tenants())::uuid[]))"
        " WITH CHECK (tenant_id = ANY ((SELECT cm.tenants())::uuid[]))",
    ],
    "tenant-function": [
        "CREATE OR REPLACE FUNCTION cm.tenant() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT gen_random_uuid()'",
        "CREATE OR REPLACE FUNCTION cm.tenants() RETURNS uuid[] LANGUAGE sql STABLE AS 'SELECT array_agg(tenant_id) FROM wallet'",
    ],
    "granted-partition": [
        PARTITIONED + "SELECT cm.guard('planted_1'); GRANT SELECT ON ALL TABLES IN SCHEMA public TO cm_app"
    ],
    "index-without-tenant": [
        GUARDED + "ALTER TABLE planted ADD CONSTRAINT oracle UNIQUE (t)",
        GUARDED + "CREATE INDEX ON planted (t)",
    ],
    "open-view": [
        GUARDED + "CREATE VIEW planted_view AS SELECT * FROM planted",
        GUARDED + "CREATE MATERIALIZED VIEW planted_view AS SELECT * FROM planted",
    ],
    "definer-function": [DEFINER.format("SET search_path = pg_catalog")],
    "definer-search-path": [DEFINER.format("")],
    "role-can-bypass": ["ALTER ROLE cm_app BYPASSRLS", "ALTER ROLE cm_worker SUPERUSER"],
    "role-can-become": ["GRANT cm_owner TO cm_app", EXAMPLE + "ALTER TABLE planted OWNER TO cm_worker"],
    "right-past-rows": [
        GUARDED + "GRANT TRUNCATE ON planted TO cm_app",
        GUARDED + "GRANT UPDATE ON planted TO cm_verifier",
        GUARDED + "GRANT SELECT ON planted TO PUBLIC",
    ],
    "reference-across": [
        GUARDED
        + "ALTER TABLE planted ADD UNIQUE (id); CREATE TABLE planted_2 (tenant_id uuid NOT NULL, id uuid, "
        "x uuid REFERENCES planted (id), PRIMARY KEY (tenant_id, id)); SELECT cm.guard('planted_2')"
    ],
    "nullable-tenant": ["CREATE TABLE planted (tenant_id uuid, id uuid PRIMARY KEY)"],
    "standing-tenant": [f"ALTER ROLE cm_app SET app.tenant_id = '{uuid.UUID(int=7)}'"],
}


@pytest.fixture
async def admin(services: Services, installation: Installation) -> AsyncGenerator[AsyncConnection]:
    """The server's own login in a transaction that is rolled back, so that what is planted never stays."""
    del services
    engine = create_async_engine(installation.data.dsn(ADMIN, DATABASE).sqlalchemy)
    async with engine.connect() as connection:
        await connection.begin()
        yield connection
        await connection.rollback()
    await engine.dispose()


async def test_the_live_schema_holds(admin: AsyncConnection) -> None:
    """No offender of any check, over a schema that is not empty."""
    assert len(await relations(admin)) > 10
    assert await findings(admin) == []


def test_every_check_has_a_planted_offence() -> None:
    """A check nobody has seen failing does not count."""
    assert {check.trap for check in CHECKS} == OFFENCES.keys()


@pytest.mark.parametrize(
    ("trap", "offence"), [(trap, offence) for trap, offences in OFFENCES.items() for offence in offences]
)
async def test_a_planted_offence_is_found(admin: AsyncConnection, trap: str, offence: str) -> None:
    """Each trap, planted, is reported under its own name."""
    await admin.execute(text("SET ROLE postgres"))
    driver = (await admin.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.execute(offence)
    assert trap in {finding.trap for finding in await findings(admin)}


@pytest.fixture(scope="session")
async def canaries(services: Services, installation: Installation) -> tuple[uuid.UUID, uuid.UUID]:
    """One row of each of two tenants in every tenant relation."""
    del services
    return await plant_canaries(installation.data.dsn(ADMIN, DATABASE).psycopg)


async def test_behaviour_agrees_with_the_catalogue(
    installation: Installation, admin: AsyncConnection, canaries: tuple[uuid.UUID, uuid.UUID]
) -> None:
    """In every relation, a tenant sees, changes and removes none of another's rows; without a tenant, nothing is seen."""
    victim, attacker = canaries
    parents = (
        (
            await admin.execute(
                text(
                    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a"
                    " ON a.attrelid = c.oid WHERE n.nspname = 'public' AND a.attname = 'tenant_id' AND c.relkind IN ('r', 'p')"
                    " AND NOT c.relispartition AND c.relname <> ALL (:control) ORDER BY 1"
                ),
                {"control": list(CONTROL_WITH_TENANT)},
            )
        )
        .scalars()
        .all()
    )
    dsn = installation.data_plane("cm_app").psycopg
    async with await psycopg.AsyncConnection.connect(dsn) as app:
        for table in parents:
            held = (
                await admin.execute(
                    text(f"SELECT count(*) FROM {table} WHERE tenant_id = :victim"),
                    {"victim": victim},
                )
            ).scalar_one()
            assert held > 0, f"the canary of {table} is missing, so the test would prove nothing"
            await _attack(app, table, victim, attacker)


async def _attack(app: psycopg.AsyncConnection, table: str, victim: uuid.UUID, attacker: uuid.UUID) -> None:
    for tenant, own in ((None, 0), (attacker, 1)):
        async with app.transaction(force_rollback=True):
            if tenant:
                await app.execute(f"SET LOCAL app.tenant_id = '{tenant}'".encode())
            seen = await app.execute(
                f"SELECT count(*), count(*) FILTER (WHERE tenant_id = %s) FROM {table}".encode(), [victim]
            )
            row = await seen.fetchone()
            assert row is not None
            assert row[1] == 0, f"{table}: rows of another tenant are visible"
            assert (row[0] > 0) == bool(own), f"{table}: own rows are not as visible as they should be"
    for statement in (
        f"UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = %s",
        f"DELETE FROM {table} WHERE tenant_id = %s",
    ):
        try:
            async with app.transaction(force_rollback=True):
                await app.execute(f"SET LOCAL app.tenant_id = '{attacker}'".encode())
                changed = await app.execute(statement.encode(), [victim])
                assert changed.rowcount == 0, f"{table}: {statement}"
        except psycopg.errors.InsufficientPrivilege:
            continue  # an append-only table refuses outright
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with app.transaction(force_rollback=True):
            await app.execute(f"SET LOCAL app.tenant_id = '{attacker}'".encode())
            # Row security is asked before NOT NULL and CHECK, but after a partition was chosen: so `at` comes along.
            at = await app.execute("SELECT relkind = 'p' FROM pg_class WHERE relname = %s", [table])
            partitioned = (await at.fetchone() or (False,))[0]
            columns, values = ("tenant_id, at", "%s, now()") if partitioned else ("tenant_id", "%s")
            await app.execute(f"INSERT INTO {table} ({columns}) SELECT {values}".encode(), [victim])
            pytest.fail(f"{table}: a row for another tenant was accepted")


async def test_partitions_cannot_be_reached_directly(
    installation: Installation, admin: AsyncConnection
) -> None:
    """A partition named directly is refused to every application role."""
    children = (
        (
            await admin.execute(
                text(
                    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                    " WHERE n.nspname = 'public' AND c.relispartition AND c.relkind = 'r'"
                )
            )
        )
        .scalars()
        .all()
    )
    assert children
    for role in ("cm_app", "cm_worker", "cm_verifier"):
        async with await psycopg.AsyncConnection.connect(
            installation.data_plane(role).psycopg, autocommit=True
        ) as app:
            for child in children:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    await app.execute(f"SELECT FROM {child}".encode())
