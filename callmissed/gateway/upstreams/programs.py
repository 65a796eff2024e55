"""Programs of this machine, each a process of its own that is spoken to over pipes and lives no longer than one request."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from callmissed.gateway.problems import UpstreamBroken, UpstreamSlow
from callmissed.gateway.upstreams.gate import Gate

PART = 32_768
PATIENCE_SECONDS = 90.0


async def run(gate: Gate, command: Sequence[str], given: bytes, most: int) -> bytes:
    """What a program says to what it is given, once `gate` lets it begin; it is stopped after a little more than `most` bytes.

    Raises UpstreamSlow and UpstreamBroken.
    """
    async with gate:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                said, _ = await asyncio.gather(_said(process, most), _given(process, given))
                if len(said) <= most:
                    await process.wait()
        except TimeoutError:
            raise UpstreamSlow from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode != 0 and len(said) <= most:
        raise UpstreamBroken.before_answering()
    return said


async def _said(process: asyncio.subprocess.Process, most: int) -> bytes:
    said = bytearray()
    if process.stdout is not None:
        while len(said) <= most and (part := await process.stdout.read(PART)):
            said += part
        if len(said) > most:
            process.kill()
    return bytes(said)


async def _given(process: asyncio.subprocess.Process, given: bytes) -> None:
    if process.stdin is not None:
        with suppress(ConnectionError):  # it has heard enough
            process.stdin.write(given)
            await process.stdin.drain()
        process.stdin.close()
