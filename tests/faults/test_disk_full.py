"""The disk is full under the load of the API: calls are refused in their shape, and nothing is lost, doubled or held afterwards."""

import asyncio
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from callmissed.foundation.postgres import ADMIN, DATABASE
from tests.support.installation import free_port
from tests.support.server_crash import Told, books, sweep
from tests.support.up import Up

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(300)]

SIZE_MB = 600
FULL_SECONDS, RECOVERED_SECONDS = 25, 120
ASKED = {
    "model": "local/extractive",
    "messages": [{"role": "user", "content": "What are your opening hours?"}],
}


@pytest.fixture
def small_disk() -> Generator[Path]:
    """A folder on a disk of its own (tmpfs) that is easily filled."""
    around = Path(tempfile.mkdtemp(prefix="cm-full-"))
    around.chmod(0o755)
    disk = around / "disk"
    disk.mkdir(mode=0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("only who may mount can fill a disk of its own")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        disk.rmdir()
        around.rmdir()


def fill(disk: Path) -> Path:
    """Take all that is left of the disk; the file that has it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as taken, suppress(OSError):
        while True:
            taken.write(b"\0" * (1 << 20))
            taken.flush()
    return ballast


async def ask(client: httpx.AsyncClient, told: Told) -> int:
    """One request; its status."""
    told.sent += 1
    reply = await client.post("/v1/chat/completions", json=ASKED)
    if reply.status_code == httpx.codes.OK:
        told.answered.append(UUID(reply.headers["cm-usage-id"]))
    else:
        assert reply.status_code == httpx.codes.SERVICE_UNAVAILABLE, reply.text
        assert reply.json()["error"]["code"] in {"unavailable", "ledger_busy"}
        assert int(reply.headers["retry-after"]) > 0
    return reply.status_code


async def test_a_full_disk_refuses_calls_and_loses_nothing(small_disk: Path) -> None:
    told, up = Told(), Up(small_disk / "var", free_port())
    try:
        up.start()
        headers = {"authorization": f"Bearer {up.links['api_key']}"}
        async with httpx.AsyncClient(base_url=up.links["base_url"], headers=headers, timeout=60) as client:
            assert {await ask(client, told) for _ in range(5)} == {200}
            ballast = fill(small_disk)
            admin = up.installation().data.dsn(ADMIN, DATABASE).psycopg
            with suppress(psycopg.Error):  # the next piece of its log has no room: the database gives up
                async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
                    for _ in range(40):
                        await connection.execute(
                            "SELECT pg_switch_wal(), pg_logical_emit_message(false, 'x', 'x')"
                        )
            waiting = [asyncio.create_task(ask(client, told)) for _ in range(16)]
            await asyncio.sleep(FULL_SECONDS)
            ballast.unlink()
            statuses = Counter(await asyncio.gather(*waiting))
            assert set(statuses) <= {200, 503}, statuses
            assert statuses[503], "the disk was not full enough to matter"
            began = time.monotonic()
            while await ask(client, told) != httpx.codes.OK:
                assert time.monotonic() - began < RECOVERED_SECONDS, up.complained[-2000:]
                await asyncio.sleep(0.5)
        found = await books(up)
        assert (found.lost(told), found.doubled, found.invented(told)) == (0, 0, 0)
        swept = await sweep(up)
        assert not swept.held and not swept.wrong
    finally:
        up.clean()
