"""The promise on providers (Policy §1), kept, and seen broken in each of its ways."""

import pytest

from callmissed.foundation.services import Services
from callmissed.identity import ways_in
from callmissed.identity.oidc import Provider
from callmissed.privacy import check_all


async def verdict(services: Services) -> str:
    """What the promise on providers says now."""
    [found] = [each for each in await check_all(services) if each.promise.id == "collect.idp"]
    return found.finding.verdict


class Greedy(Provider):
    """A provider that is asked for more than we may take."""

    def asks(self) -> dict[str, str]:
        return {**super().asks(), "scope": "openid email profile phone"}


async def test_asking_for_more_breaks_the_promise(services, liar) -> None:
    register = services.get(ways_in.Providers)
    assert await verdict(services) == "kept"
    register._providers["greedy"] = Greedy(liar.settings("greedy"), laptop=True)
    assert await verdict(services) == "broken"
    del register._providers["greedy"]
    assert await verdict(services) == "kept"


@pytest.mark.parametrize(
    "column", ["linked_identity ADD COLUMN picture text", "user_account ADD COLUMN passwd bytea"]
)
async def test_an_extra_claim_or_a_password_column_breaks_the_promise(services, installation, column) -> None:
    import psycopg

    from callmissed.foundation.postgres import ADMIN, DATABASE

    table, name = column.split()[0], column.split()[3]
    async with await psycopg.AsyncConnection.connect(
        installation.data.dsn(ADMIN, DATABASE).psycopg, autocommit=True
    ) as admin:
        await admin.execute(f"ALTER TABLE {column}".encode())
        try:
            assert await verdict(services) == "broken"
        finally:
            await admin.execute(f"ALTER TABLE {table} DROP COLUMN {name}".encode())
    assert await verdict(services) == "kept"
