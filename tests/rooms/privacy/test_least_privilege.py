"""safe.least-privilege, seen kept and seen broken in each way it looks for."""

from collections.abc import AsyncGenerator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from callmissed.app.installation import Installation
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services
from callmissed.privacy import Facts
from callmissed.privacy.promises.engine import Finding, Look, declared, examine
from tests.support.people import teammate_of, workspace_of_someone

pytestmark = pytest.mark.database


ODD = """WITH looked AS (DELETE FROM staff_access WHERE tenant_id NOT IN (SELECT id FROM tenant))
DELETE FROM membership WHERE tenant_id IN (
  SELECT tenant_id FROM membership GROUP BY tenant_id HAVING count(*) FILTER (WHERE role = 'owner') <> 1)"""
"""What other tests of this process have planted on purpose, out of sight in this transaction."""


@pytest.fixture
async def admin(services: Services, installation: Installation) -> AsyncGenerator[AsyncConnection]:
    """The server's own login in a transaction that is rolled back, so that what is planted never stays."""
    owner = await workspace_of_someone(services)
    await teammate_of(services, owner, "teammate")
    engine = create_async_engine(installation.data.dsn(ADMIN, DATABASE).sqlalchemy)
    async with engine.connect() as connection:
        await connection.begin()
        await connection.execute(text(ODD))
        yield connection
        await connection.rollback()
    await engine.dispose()


async def verdict(services: Services, admin: AsyncConnection) -> Finding:
    """What the check says of the database as it is in this transaction, with the verifier's eyes."""
    await admin.execute(text("SET LOCAL ROLE cm_verifier"))
    return await examine(declared()["safe.least-privilege"], Look(admin, services.get(Facts), {}))


async def test_it_is_kept(services: Services, admin: AsyncConnection) -> None:
    found = await verdict(services, admin)
    assert found.verdict == "kept", str(found.figures)


ANYONE = "(SELECT tenant_id FROM membership WHERE role = 'teammate' ORDER BY id DESC LIMIT 1)"


@pytest.mark.parametrize(
    ("planted", "figure"),
    [
        ("ALTER ROLE cm_app BYPASSRLS", "too_strong"),
        ("CREATE ROLE cm_stranger LOGIN", "unknown_logins"),
        ("GRANT UPDATE ON wallet TO cm_verifier", "verifier_writes"),
        ("CREATE TABLE data_key (id uuid)", "key_tables_here"),
        (
            f"""INSERT INTO custom_role (tenant_id, id, name, permissions, created_at) VALUES
            ({ANYONE}, gen_random_uuid(), 'Nearly owner', '{{team.read,tenant.close}}', now())""",
            "roles_like_owners",
        ),
        (
            f"UPDATE membership SET role = 'admin' WHERE role = 'owner' AND tenant_id = {ANYONE}",
            "without_one_owner",
        ),
        (
            f"DROP INDEX uq_membership_owner; UPDATE membership SET role = 'owner' WHERE tenant_id = {ANYONE}",
            "without_one_owner",
        ),
    ],
)
async def test_a_planted_excess_turns_the_verdict(
    services: Services, admin: AsyncConnection, planted: str, figure: str
) -> None:
    for statement in planted.split("; "):
        await admin.execute(text(statement))
    found = await verdict(services, admin)
    assert found.verdict == "broken"
    assert found.figures[figure] == 1
