"""A Redis of its own on the loopback, without anything on disk."""

import asyncio
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.installation import free_port

START_SECONDS = 10


@asynccontextmanager
async def redis_server(folder: Path, port: int | None = None) -> AsyncGenerator[str]:
    """Its address, until the end of the block; then it is killed."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server: scripts/ensure_peers installs it")
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _answers(port):
                await asyncio.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
