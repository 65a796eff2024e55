"""Keys that are asked for at the same moment are read together, and each gets its own answer."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest
from sqlalchemy import text

from callmissed.foundation import doors
from callmissed.foundation.database import DirectConnection
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import TenantClosed
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import KeyRing, create_key, revoke_key
from callmissed.identity.key_access import FoundKey
from callmissed.identity.key_reading import KeyReader, Wanted
from callmissed.identity.problems import KeyRevoked
from callmissed.identity.service.keys import HASH
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database


class Counting(DirectConnection):
    """A connection that counts its statements."""

    statements = 0

    async def alone(self, statement: str, *arguments: object) -> list[object]:
        """One more."""
        self.statements += 1
        return await super().alone(statement, *arguments)

    def drop(self) -> None:
        """Cut it off, as a restart of the server does."""
        assert self._connection is not None
        self._connection.terminate()


@pytest.fixture
async def counted(services: Services) -> AsyncGenerator[tuple[KeyReader, Counting]]:
    """A reader, and what it asks."""
    connection = Counting(
        services.db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    )
    reader = KeyReader(connection, HASH)
    yield reader, connection
    await reader.stop()


async def keys_of(services: Services, count: int) -> tuple[Access, list[tuple[UUID, bytes]]]:
    """A workspace with so many keys: their ids, and the keyed hashes of their secrets."""
    owner = await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        made = [await create_key(tx, f"key {number}") for number in range(count)]
    return owner, [(each.id, services.vault.keyed_hash(HASH, each.secret)) for each in made]


async def test_keys_of_many_workspaces_are_read_in_one_statement(
    services: Services, counted: tuple[KeyReader, Counting]
) -> None:
    reader, connection = counted
    wanted: list[tuple[UUID, UUID, Wanted]] = []
    for _ in range(3):
        owner, made = await keys_of(services, 3)
        wanted += [(owner.tenant_id, key_id, Wanted(lookup)) for key_id, lookup in made]
        wanted += [(owner.tenant_id, made[0][0], Wanted(None, owner.tenant_id, made[0][0]))]
    found = await asyncio.gather(
        *(reader.read(each) for *_, each in wanted), reader.read(Wanted(b"nobody's"))
    )
    assert found.pop() is None
    assert [(each.tenant_id, each.id) for each in found if each] == [
        (tenant, key) for tenant, key, _ in wanted
    ]
    assert connection.statements == 1


async def test_who_comes_while_a_statement_is_under_way_goes_into_the_next(
    services: Services, counted: tuple[KeyReader, Counting]
) -> None:
    reader, connection = counted
    _, made = await keys_of(services, 9)
    first = asyncio.create_task(reader.read(Wanted(made[0][1])))
    while not connection.statements:
        await asyncio.sleep(0)
    rest = await asyncio.gather(*(reader.read(Wanted(lookup)) for _, lookup in made[1:]))
    assert await first
    assert all(rest)
    assert connection.statements == 2


async def test_whoever_leaves_takes_no_answer_from_others(
    services: Services, counted: tuple[KeyReader, Counting]
) -> None:
    reader, _ = counted
    _, made = await keys_of(services, 3)
    tasks = [asyncio.create_task(reader.read(Wanted(lookup))) for _, lookup in made]
    await asyncio.sleep(0)
    tasks[1].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert [isinstance(each, FoundKey) for each in found] == [True, False, True]


async def test_a_database_that_cannot_be_reached_is_told_to_everybody() -> None:
    reader = KeyReader(DirectConnection("postgresql://nobody@127.0.0.1:1/nothing"), HASH)
    outcomes = await asyncio.gather(*(reader.read(Wanted(b"x")) for _ in range(3)), return_exceptions=True)
    assert [isinstance(each, OSError) for each in outcomes] == [True] * 3
    await reader.stop()


async def test_a_lost_connection_is_made_again(
    services: Services, counted: tuple[KeyReader, Counting]
) -> None:
    reader, connection = counted
    _, made = await keys_of(services, 1)
    assert await reader.read(Wanted(made[0][1]))
    connection.drop()
    assert await reader.read(Wanted(made[0][1]))


async def test_a_key_is_not_found_in_another_workspace(
    services: Services, counted: tuple[KeyReader, Counting]
) -> None:
    reader, _ = counted
    _, made = await keys_of(services, 1)
    thief = await workspace_of_someone(services)
    assert await reader.read(Wanted(None, thief.tenant_id, made[0][0])) is None
    assert await reader.read(Wanted(None, uuid7(), made[0][0])) is None


async def test_one_revoked_key_spoils_no_other(services: Services) -> None:
    ring, owner = services.get(KeyRing), await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        made = [await create_key(tx, f"key {number}") for number in range(3)]
        await revoke_key(tx, made[1].id)
    outcomes = await asyncio.gather(*(ring.resolve(each.secret) for each in made), return_exceptions=True)
    assert [type(each) is KeyRevoked for each in outcomes] == [False, True, False]


async def test_the_use_of_a_key_that_works_is_noted_and_no_other(services: Services) -> None:
    ring, owner = services.get(KeyRing), await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        used, revoked, _ = [await create_key(tx, name) for name in ("used", "revoked", "idle")]
        await revoke_key(tx, revoked.id)
    await ring.resolve(used.secret)
    with pytest.raises(KeyRevoked):
        await ring.resolve(revoked.secret)
    async with services.db.tenant(owner) as tx:
        rows = await tx.session.execute(text("SELECT name FROM api_key WHERE last_used_at IS NOT NULL"))
        assert list(rows.scalars()) == ["used"]


async def test_closed_doors_let_no_key_in(services: Services) -> None:
    ring, owner = services.get(KeyRing), await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        made = await create_key(tx, "key")
    async with services.db.control() as tx:
        await doors.close(tx, owner.tenant_id)
    with pytest.raises(TenantClosed):
        await ring.resolve(made.secret)
