"""Turning an epoch: no survivor is lost, whatever happens at which moment."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.vault import Keyring, KeyUnavailable, SealedValue, Vault, epochs

pytestmark = pytest.mark.database

BODY = "message.body"


@pytest.fixture
async def vault(installation: Installation, tmp_path: Path) -> AsyncGenerator[Vault]:
    async with Vault(installation.key_plane().psycopg, Keyring.local(tmp_path)) as opened:
        yield opened


async def people_in(vault: Vault, tenant: UUID, number: int) -> list[SealedValue]:
    values: list[SealedValue] = []
    for _ in range(number):
        person, row = uuid4(), uuid4()
        box = await vault.person(tenant, person, "conversation")
        values.append(SealedValue(BODY, row, person, box.seal(BODY, row, str(person))))
    return values


async def all_readable(vault: Vault, tenant: UUID, values: list[SealedValue]) -> bool:
    vault._cache.clear()
    return await vault.open_many(tenant, values) == [str(value.person_id) for value in values]


async def test_rotation_keeps_everyone_readable(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    # house: mock only a number, so that few people make several portions
    monkeypatch.setattr(epochs, "PORTION", 7)
    tenant = uuid4()
    values = await people_in(vault, tenant, 30)
    assert await vault.rotate_epoch(tenant) == 2
    assert vault.keyring.epochs(tenant) == [2]
    assert await all_readable(vault, tenant, values)


async def test_old_epochs_are_turned_and_young_ones_left(vault: Vault) -> None:
    tenant, young = uuid4(), uuid4()
    values = await people_in(vault, tenant, 3)
    with clock.travel(days=8):
        assert await vault.rotate_older_than(timedelta(days=9)) == []
        assert await vault.rotate_older_than(timedelta(days=7)) == [tenant]
    await people_in(vault, young, 1)
    assert await vault.rotate_older_than(timedelta(days=7)) == []
    assert vault.keyring.epochs(tenant) == [2]
    assert await all_readable(vault, tenant, values)


class Falling(Keyring):
    """A keyring of a process that dies at a chosen step."""

    falls_at = ""

    def begin_epoch(self, tenant_id: UUID, number: int) -> int:
        super().begin_epoch(tenant_id, number)
        if self.falls_at == "after the new epoch":
            raise SystemError
        return number

    def epoch_key(self, tenant_id: UUID, number: int) -> bytes:
        if self.falls_at == "before the re-wrap" and len(self.epochs(tenant_id)) > 1:
            raise SystemError
        return super().epoch_key(tenant_id, number)

    def end_epoch(self, tenant_id: UUID, number: int) -> None:
        if self.falls_at == "before the destruction":
            raise SystemError
        super().end_epoch(tenant_id, number)


@pytest.mark.parametrize(
    ("step", "deleted"),
    [("after the new epoch", False), ("before the re-wrap", True), ("before the destruction", True)],
)
async def test_a_crash_at_any_step_is_finished_at_the_next_start(
    installation: Installation, tmp_path: Path, step: str, deleted: bool
) -> None:
    dsn, tenant = installation.key_plane().psycopg, uuid4()
    keyring = Falling.local(tmp_path)
    assert isinstance(keyring, Falling)
    async with Vault(dsn, keyring) as falling:
        gone, *kept = await people_in(falling, tenant, 9)
        keyring.falls_at = step
        with pytest.raises(SystemError):
            await falling.erase_person(tenant, gone.person_id)
        keyring.falls_at = ""
        assert falling.keyring.epochs(tenant) == [1, 2]
        assert await all_readable(falling, tenant, kept)  # both epochs can be read meanwhile
        assert (await falling.census()).unfinished == (tenant,)
    async with Vault(dsn, Keyring.local(tmp_path)) as restarted:
        assert restarted.keyring.epochs(tenant) == [2]
        assert await all_readable(restarted, tenant, kept)
        assert (await restarted.open_many(tenant, [gone]) == [None]) is deleted
        await restarted.erase_person(tenant, gone.person_id)
        assert await restarted.open_many(tenant, [gone]) == [None]
        assert await all_readable(restarted, tenant, kept)


async def test_keys_made_while_epochs_turn_are_not_lost(installation: Installation, vault: Vault) -> None:
    tenant = uuid4()
    values = await people_in(vault, tenant, 20)
    async with Vault(installation.key_plane().psycopg, Keyring.local(vault.keyring.directory)) as other:
        made = [asyncio.create_task(people_in(each, tenant, 40)) for each in (vault, other)]
        turned = [asyncio.create_task(each.rotate_epoch(tenant)) for each in (vault, other) for _ in range(6)]
        erased = [asyncio.create_task(other.erase_person(tenant, value.person_id)) for value in values[:5]]
        await asyncio.gather(*turned, *erased)
        for task in made:
            values += await task
        assert len(vault.keyring.epochs(tenant)) == 1
        for each in (vault, other):
            assert await each.open_many(tenant, values[:5]) == [None] * 5
            assert await all_readable(each, tenant, values[5:])


async def test_reading_goes_on_while_epochs_turn(vault: Vault) -> None:
    tenant = uuid4()
    values = await people_in(vault, tenant, 50)
    turning = asyncio.create_task(_turn(vault, tenant, 8))
    while not turning.done():
        assert await all_readable(vault, tenant, values)
        await asyncio.sleep(0)
    await turning


async def _turn(vault: Vault, tenant: UUID, times: int) -> None:
    for _ in range(times):
        await vault.rotate_epoch(tenant)


KILLED = """
import asyncio, sys
from uuid import UUID
from callmissed.foundation import clock
from callmissed.foundation.vault import Keyring, Vault
from datetime import timedelta
from pathlib import Path

async def main():
    async with Vault(sys.stdin.readline().strip(), Keyring.local(Path(sys.argv[1]))) as vault:
        print("ready", flush=True)
        while True:
            await vault.rotate_epoch(UUID(sys.argv[2]))

asyncio.run(main())
"""


@pytest.mark.faults
async def test_kill_9_while_epochs_turn(installation: Installation, vault: Vault) -> None:
    tenant, dsn = uuid4(), installation.key_plane().psycopg
    values = await people_in(vault, tenant, 60)
    for pause in (0.0, 0.01, 0.023, 0.037, 0.05):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(vault.keyring.directory), str(tenant),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin
        assert process.stdout
        process.stdin.write(dsn.encode() + b"\n")
        await process.stdout.readline()
        await asyncio.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        assert await all_readable(vault, tenant, values)
        await vault.resume_rewrap()
        assert len(vault.keyring.epochs(tenant)) == 1
        assert await all_readable(vault, tenant, values)


async def test_a_key_wrapped_for_another_row_does_not_unwrap(
    installation: Installation, vault: Vault
) -> None:
    tenant = uuid4()
    one, other = await people_in(vault, tenant, 2)
    async with await psycopg.AsyncConnection.connect(installation.key_plane().psycopg) as intruder:
        await intruder.execute(
            "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE person_id = %s) WHERE person_id = %s",
            (one.person_id, other.person_id),
        )
    vault._cache.clear()
    with pytest.raises(KeyUnavailable):
        await vault.open(tenant, *other)
