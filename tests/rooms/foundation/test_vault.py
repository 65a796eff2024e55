"""The vault on a real key plane: one key per person and class, erased means unreadable, everywhere and soon."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from callmissed.app.installation import Installation
from callmissed.foundation.postgres import ADMIN, KEYS_DATABASE
from callmissed.foundation.vault import Erased, Keyring, KeyUnavailable, SealedValue, Tampered, Vault

pytestmark = pytest.mark.database

BODY = "message.body"


@pytest.fixture
async def vault(installation: Installation, tmp_path: Path) -> AsyncGenerator[Vault]:
    async with Vault(installation.key_plane().psycopg, Keyring.local(tmp_path)) as opened:
        yield opened


@pytest.fixture
async def other_process(installation: Installation, vault: Vault) -> AsyncGenerator[Vault]:
    async with Vault(installation.key_plane().psycopg, Keyring.local(vault.keyring.directory)) as opened:
        yield opened


async def sealed(
    vault: Vault, tenant: UUID, person: UUID, text: str, kind: str = "conversation"
) -> SealedValue:
    row = uuid4()
    return SealedValue(BODY, row, person, (await vault.person(tenant, person, kind)).seal(BODY, row, text))


async def test_seal_and_open(vault: Vault, other_process: Vault) -> None:
    tenant, person = uuid4(), uuid4()
    value = await sealed(vault, tenant, person, "नमस्ते")
    assert await vault.open(tenant, *value) == "नमस्ते"
    assert await other_process.open(tenant, *value) == "नमस्ते"
    assert await vault.for_tenant(tenant).open_bytes(*value) == "नमस्ते".encode()


async def test_one_key_per_person_and_class_even_when_many_ask_at_once(
    vault: Vault, other_process: Vault
) -> None:
    tenant, person = uuid4(), uuid4()
    asked = [each.person(tenant, person, "call") for each in (vault, other_process) for _ in range(12)]
    assert len({box.key_id for box in await asyncio.gather(*asked)}) == 1
    assert len(await vault.key_ids(tenant, person)) == 1
    await vault.person(tenant, person, "payment")
    assert len(await vault.key_ids(tenant, person)) == 2
    assert vault.keyring.epochs(tenant) == [1]


async def test_erasing_reaches_one_person_and_nobody_else(vault: Vault) -> None:
    tenant, person, survivor = uuid4(), uuid4(), uuid4()
    gone, kept = await sealed(vault, tenant, person, "gone"), await sealed(vault, tenant, survivor, "kept")
    destroyed = await vault.erase_person(tenant, person)
    assert len(destroyed.key_ids) == 1
    assert (destroyed.epoch_before, destroyed.epoch_after) == (1, 2)
    assert vault.keyring.epochs(tenant) == [2]
    with pytest.raises(Erased):
        await vault.open(tenant, *gone)
    assert await vault.open(tenant, *kept) == "kept"
    assert await vault.open_many(tenant, [gone, kept, gone]) == [None, "kept", None]


async def test_erasing_one_class_leaves_the_others(vault: Vault) -> None:
    tenant, person = uuid4(), uuid4()
    call = await sealed(vault, tenant, person, "a recording", "call")
    invoice = await sealed(vault, tenant, person, "an invoice", "invoice")
    await vault.erase_person(tenant, person, ["call"])
    assert await vault.open_many(tenant, [call, invoice]) == [None, "an invoice"]


async def test_erasing_may_be_repeated_and_a_person_may_return(vault: Vault) -> None:
    tenant, person = uuid4(), uuid4()
    gone = await sealed(vault, tenant, person, "gone")
    await vault.erase_person(tenant, person)
    again = await vault.erase_person(tenant, person)
    assert again.key_ids == ()
    assert again.epoch_before == again.epoch_after == 2
    new = await sealed(vault, tenant, person, "back again")
    assert await vault.open_many(tenant, [gone, new]) == [None, "back again"]


async def test_one_person_in_several_tenants_is_erased_in_each(vault: Vault) -> None:
    one, other, person = uuid4(), uuid4(), uuid4()
    values = [(tenant, await sealed(vault, tenant, person, "x")) for tenant in (one, other)]
    assert await vault.tenants_of(person) == sorted([one, other])
    await vault.erase_person(one, person)
    assert await vault.tenants_of(person) == [other]
    with pytest.raises(Erased):
        await vault.open(one, *values[0][1])
    assert await vault.open(other, *values[1][1]) == "x"


async def test_many_people_turn_the_epoch_once(vault: Vault) -> None:
    tenant, people = uuid4(), [uuid4() for _ in range(70)]
    values = [await sealed(vault, tenant, person, str(person)) for person in people]
    destroyed = await vault.erase_people(tenant, people[:60])
    assert len(destroyed.key_ids) == 60
    assert destroyed.epoch_after == 2
    assert await vault.open_many(tenant, values) == [None] * 60 + [str(person) for person in people[60:]]


async def test_another_tenant_cannot_open_with_the_right_key_id(vault: Vault) -> None:
    one, other, person = uuid4(), uuid4(), uuid4()
    value = await sealed(vault, one, person, "secret")
    for tenant in (other, other):  # known to the cache the second time as well
        with pytest.raises(Erased):
            await vault.open(tenant, *value)
    fresh = await sealed(vault, other, person, "x")
    with pytest.raises(Tampered):
        await vault.open(other, BODY, value.row_id, person, fresh.blob)


async def test_other_processes_forget_within_moments(vault: Vault, other_process: Vault) -> None:
    tenant, person = uuid4(), uuid4()
    value = await sealed(vault, tenant, person, "gone")
    assert await other_process.open(tenant, *value) == "gone"
    await vault.erase_person(tenant, person)
    deadline = time.monotonic() + 5
    while True:
        try:
            await other_process.open(tenant, *value)
        except Erased:
            break
        assert time.monotonic() < deadline, "the news of the erasure did not arrive"
        await asyncio.sleep(0.01)


async def test_news_missed_while_disconnected_is_made_good(
    installation: Installation, vault: Vault, other_process: Vault
) -> None:
    tenant, person = uuid4(), uuid4()
    value = await sealed(vault, tenant, person, "gone")
    assert await other_process.open(tenant, *value) == "gone"
    admin = installation.keys.dsn(ADMIN, KEYS_DATABASE).psycopg
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        listening = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        assert len(await (await connection.execute(listening)).fetchall()) >= 2
    await vault.erase_person(tenant, person)
    await asyncio.sleep(1.5)
    with pytest.raises(Erased):
        await other_process.open(tenant, *value)


async def test_keys_are_on_disk_before_anything_is_sealed_with_them(
    installation: Installation, vault: Vault
) -> None:
    admin = installation.keys.dsn(ADMIN, KEYS_DATABASE).psycopg
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        await connection.execute("ALTER ROLE cm_keys SET synchronous_commit = off")  # the offence
        try:
            careful = Vault(installation.key_plane().psycopg, vault.keyring)
            async with careful, careful._pool.connection() as mine:
                shown = await (await mine.execute("SHOW synchronous_commit")).fetchone()
            assert shown == ("on",)
        finally:
            await connection.execute("ALTER ROLE cm_keys RESET synchronous_commit")


async def test_without_the_news_the_cache_fades(installation: Installation, vault: Vault) -> None:
    deaf = Vault(installation.key_plane().psycopg, vault.keyring, cache_seconds=0.4)
    async with deaf:
        assert deaf._listener
        deaf._listener.cancel()
        tenant, person = uuid4(), uuid4()
        value = await sealed(vault, tenant, person, "gone")
        assert await deaf.open(tenant, *value) == "gone"
        await vault.erase_person(tenant, person)
        await asyncio.sleep(0.45)
        with pytest.raises(Erased):
            await deaf.open(tenant, *value)


async def test_what_was_read_before_an_eviction_is_not_kept_after_it(vault: Vault) -> None:
    tenant, person = uuid4(), uuid4()
    key = (await vault.person(tenant, person, "call")).key
    seen = vault._cache.evictions
    vault._cache.evict(tenant, person)
    vault._cache.put(key, time.monotonic(), seen)
    assert vault._cache.by_id(key.id) is None


async def test_a_lost_keyring_is_an_alarm_and_not_an_erasure(vault: Vault) -> None:
    tenant, person = uuid4(), uuid4()
    value = await sealed(vault, tenant, person, "still there")
    vault._cache.clear()
    vault.keyring.end_epoch(tenant, 1)
    with pytest.raises(KeyUnavailable):
        await vault.open(tenant, *value)
    with pytest.raises(KeyUnavailable):
        await vault.person(tenant, uuid4(), "conversation")  # no fresh epoch over keys that nobody can open
    assert vault.keyring.epochs(tenant) == []


async def test_an_erased_tenant_is_gone_for_good(vault: Vault, other_process: Vault) -> None:
    tenant, person = uuid4(), uuid4()
    value = await sealed(vault, tenant, person, "gone")
    await other_process.person(tenant, person, "conversation")
    assert len(await vault.erase_tenant(tenant)) == 1
    assert await vault.erase_tenant(tenant) == ()
    assert tenant not in vault.keyring.tenants()
    with pytest.raises(Erased):
        await vault.open(tenant, *value)
    for each in (vault, other_process):  # not even when a backup brings its rows back
        with pytest.raises(KeyUnavailable):
            await sealed(each, tenant, person, "new")


async def test_indexes_find_equal_values_of_one_tenant_and_column_only(vault: Vault) -> None:
    one, other = uuid4(), uuid4()
    tag = vault.blind_index(one, "handle.value", "e@example.in")
    assert len(tag) == 16
    assert tag == vault.for_tenant(one).blind_index("handle.value", "e@example.in")
    others = {
        vault.blind_index(other, "handle.value", "e@example.in"),
        vault.blind_index(one, "contact.email", "e@example.in"),
        vault.blind_index(one, "handle.value", "f@example.in"),
        vault.platform_index("handle.value", "e@example.in"),
        vault.keyed_hash("handle.value", "e@example.in")[:16],
        vault.keyed_hash("code", "e@example.in")[:16],
    }
    assert tag not in others
    assert len(others) == 6
    assert len(vault.keyed_hash("api_key", "cm_x")) == 32
    assert vault.for_tenant(one).keyed_hash("api_key", "cm_x") == vault.keyed_hash("api_key", "cm_x")
    assert vault.for_tenant(one).platform_index("user.email", "e") == vault.platform_index("user.email", "e")
