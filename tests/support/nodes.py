"""Several server processes on one installation, each the real `callmissed serve` on a port of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from callmissed.app.installation import Installation
from tests.support.installation import free_port

STOP_SECONDS = 30
UPSTREAM = """
[[upstream]]
name = "peer"
base_url = "{base_url}"
region = "IN"
contract = "written down"
[[upstream.model]]
id = "peer/endless"
served_as = "endless"
price_in = "100"
price_out = "200"
context = 8000
longest_answer = 1000
"""


def upstream_file(folder: Path, base_url: str) -> Path:
    """What the nodes are told of a peer (see `peer`) whose one model talks until it is stopped."""
    file = folder / "upstreams.toml"
    file.write_text(UPSTREAM.format(base_url=base_url), encoding="utf-8")
    return file


@asynccontextmanager
async def node(installation: Installation, **environment: str) -> AsyncGenerator[str]:
    """One process: its address, once it answers."""
    port = free_port()
    told = {
        "CALLMISSED_HOME": str(installation.home),
        "CALLMISSED_PORT": str(port),
        "CALLMISSED_FIND_UPSTREAMS": "false",
        **environment,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "callmissed.app.cli", "serve", env=os.environ | told
    )
    address = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=address, timeout=10) as client:
            for _ in range(600):
                assert process.returncode is None
                try:
                    if (await client.get("/v1/models")).status_code == 401:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), STOP_SECONDS)


@asynccontextmanager
async def two_nodes(installation: Installation, **environment: str) -> AsyncGenerator[tuple[str, str]]:
    """Two processes: their addresses."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(node(installation, **environment))
        yield one, await stack.enter_async_context(node(installation, **environment))
