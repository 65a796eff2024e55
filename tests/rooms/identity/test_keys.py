"""API keys: made, resolved, and refused in every way they must be."""

import asyncio
import time
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.money import rupees
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import KeyLimits, KeyRing, create_key, key_format, list_keys, onboarding, revoke_key
from callmissed.identity.problems import (
    KeyExpired,
    KeyMalformed,
    KeyMayNothing,
    KeyNameMissing,
    KeyNotFound,
    KeyRevoked,
    KeyUnknown,
    WorkspaceClosed,
)
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.fixture
def ring(services: Services) -> KeyRing:
    """The process's own ring, as wired."""
    return services.get(KeyRing)


async def make(services: Services, access: Access, **wishes) -> str:
    """A new key's secret."""
    async with services.db.tenant(access) as tx:
        return (await create_key(tx, "ci", **wishes)).secret


async def test_a_key_calls_for_its_tenant_with_what_it_was_given(services, owner, ring) -> None:
    secret = await make(services, owner, days=30, limits=KeyLimits(monthly_budget=rupees("500")))
    found = await ring.resolve(secret)
    assert found.tenant_id == owner.tenant_id
    assert found.access.actor.kind == "key"
    assert found.access.permissions == {"llm"}
    assert found.monthly_budget == rupees("500")
    assert found.expires_at
    assert await ring.resolve(secret) is found, "the second answer comes from memory"


async def test_the_secret_is_in_no_column_of_the_database(
    services, owner, installation: Installation
) -> None:
    secret = await make(services, owner)
    await services.get(KeyRing).resolve(secret)
    async with await psycopg.AsyncConnection.connect(installation.data.dsn(ADMIN, DATABASE).psycopg) as admin:
        assert await tables_with(admin, secret) == []
        assert await tables_with(admin, secret[3:-6]) == []
        await admin.execute("CREATE TEMP TABLE leak AS SELECT %s::text AS t", [f"key={secret}"])
        assert await tables_with(admin, secret) == ["leak"], "the search would not find a leak"


async def tables_with(admin: psycopg.AsyncConnection, needle: str) -> list[str]:
    """Every table of which some row, as text, contains the needle; as bytes too."""
    listed = await admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_catalog|pg_toast|information_schema)'"
    )
    found = []
    for (table,) in await listed.fetchall():
        name = sql.SQL(".").join(sql.Identifier(part) for part in table.split("."))
        query = sql.SQL("SELECT count(*) FROM {} t WHERE t::text LIKE %s OR t::text LIKE %s").format(name)
        hit = await admin.execute(query, [f"%{needle}%", f"%{needle.encode().hex()}%"])
        row = await hit.fetchone()
        if row and row[0]:
            found.append(table.split(".")[-1])
    return found


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "cm_",
        "sk-proj-abcdefghijklmnopqrstuvwxyz012345",
        "Bearer",
        "cm_" + "A" * 38,
        "cm_" + "é" * 38,
        "x" * 10_000,
    ],
)
async def test_what_cannot_be_a_key_is_refused_without_asking_the_database(ring, wrong) -> None:
    ring._reader, kept = None, ring._reader
    try:
        with pytest.raises(KeyMalformed):
            await ring.resolve(wrong)
    finally:
        ring._reader = kept


async def test_a_typing_mistake_is_seen(services, owner, ring) -> None:
    secret = await make(services, owner)
    for place in range(3, len(secret)):
        letter = "A" if secret[place] != "A" else "B"
        with pytest.raises(KeyMalformed):
            await ring.resolve(secret[:place] + letter + secret[place + 1 :])


async def test_a_key_nobody_made_is_unknown(ring) -> None:
    with pytest.raises(KeyUnknown):
        await ring.resolve(key_format.mint())


async def test_an_expired_key_is_refused_also_from_memory(services, owner, ring) -> None:
    secret = await make(services, owner, days=1)
    await ring.resolve(secret)
    with clock.travel(days=1.01), pytest.raises(KeyExpired):
        await ring.resolve(secret)


async def test_revoking_reaches_every_process_within_a_second(services: Services, owner) -> None:
    rings = [KeyRing(services.db, services.live) for _ in range(2)]
    for each in rings:
        await each.start()
    secret = await make(services, owner)
    for each in rings:
        await each.resolve(secret)
    async with services.db.tenant(owner) as tx:
        card = next(card for card in await list_keys(tx) if secret.endswith(card.shown[-4:]))
        await revoke_key(tx, card.id)
    started = time.monotonic()
    for each in rings:
        while time.monotonic() - started < 1:
            try:
                await each.resolve(secret)
            except KeyRevoked:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("a revoked key still works after a second")
        await each.stop()


async def test_a_key_revoked_while_it_is_being_read_is_not_remembered(services: Services, owner) -> None:
    ring = KeyRing(services.db, services.live)
    secret = await make(services, owner)
    ring._evictions = 0
    load = asyncio.create_task(ring.resolve(secret))
    while not ring._loading:
        await asyncio.sleep(0)
    await asyncio.sleep(0)  # reading has begun
    ring._evictions += 1  # what the listener does when news come in
    await load
    assert ring._by_id == {} and ring._by_hash == {}


async def test_the_memory_is_bounded_and_short(services: Services, owner, monkeypatch) -> None:
    ring = KeyRing(services.db, services.live, fresh_seconds=0)
    secret = await make(services, owner)
    first, second = await ring.resolve(secret), await ring.resolve(secret)
    assert first is not second
    assert len(ring._by_hash) == len(ring._by_id) == 1


async def test_a_closed_workspace_has_no_working_key(services: Services, owner, ring) -> None:
    secret = await make(services, owner)
    async with services.db.tenant(owner) as tx:
        from callmissed.identity import repository

        tenant = await repository.tenant(tx, owner.tenant_id)
        assert tenant
        tenant.state = "closed"
    with pytest.raises(WorkspaceClosed):
        await ring.resolve(secret)


async def test_keys_of_another_workspace_are_not_there(services: Services, owner) -> None:
    other = await workspace_of_someone(services)
    await make(services, owner)
    async with services.db.tenant(owner) as tx:
        (card,) = await list_keys(tx)
    async with services.db.tenant(other) as tx:
        assert await list_keys(tx) == []
        with pytest.raises(KeyNotFound):
            await revoke_key(tx, card.id)


async def test_a_list_shows_what_tells_keys_apart_and_no_more(services: Services, owner, ring) -> None:
    secret = await make(services, owner, days=30)
    async with services.db.tenant(owner) as tx:
        (card,) = await list_keys(tx)
        assert card.shown == f"cm_…{secret[-4:]}"
        assert card.state == "working"
        assert card.last_used_at is None
    await ring.resolve(secret)
    async with services.db.tenant(owner) as tx:
        (card,) = await list_keys(tx)
        assert card.last_used_at
        await revoke_key(tx, card.id)
        await revoke_key(tx, card.id)
        (card,) = await list_keys(tx)
        assert card.state == "revoked"
    with clock.travel(days=31):
        assert card.expires_at
        assert card.expires_at < clock.now() + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("name", "permissions", "problem"),
    [("", ["llm"], KeyNameMissing), (" \t", ["llm"], KeyNameMissing), ("x" * 81, ["llm"], KeyNameMissing),
     ("ci", [], KeyMayNothing), ("ci", ["everything"], KeyMayNothing)],
)  # fmt: skip
async def test_a_key_needs_a_name_and_a_use(services: Services, owner, name, permissions, problem) -> None:
    async with services.db.tenant(owner) as tx:
        with pytest.raises(problem):
            await create_key(tx, name, permissions=permissions)


def test_a_new_key_keeps_quiet_about_itself() -> None:
    from callmissed.foundation.ids import uuid7
    from callmissed.identity.service.keys import NewKey

    secret = key_format.mint()
    assert secret not in repr(NewKey(uuid7(), "ci", secret))
    assert key_format.well_formed(secret)
    assert len(secret) == 41


async def test_a_person_founds_one_workspace(services: Services, owner) -> None:
    assert owner.actor.id
    told = onboarding.Introduction("Asha Namuna", "Second Firm", adult=True)
    with pytest.raises(onboarding.AlreadyFounded):
        async with services.db.tenant(onboarding.new_tenant(owner.actor.id)) as tx:
            await onboarding.found(tx, owner.actor.id, told)
