"""What a call to an upstream costs in our client, and in those of others: CPU of the calling process for a request.

32 at once against the benchmark's model server, which answers at once; then 32 streams of 20 pieces, 5 ms apart. The caller is
on core 0, the server on core 1. aiohttp is measured where it is installed (it is not among our dependencies).
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from pyreqwest.client import ClientBuilder

from bench.figures import Figure, report
from bench.traffic.contenders import BODY
from bench.traffic.programs import ANSWER, GATEWAY_CORE, OTHERS_CORE, PIECE, PIECES, mock_upstream
from callmissed.gateway.upstreams.http_client import Client

AT_ONCE = 32
ROUNDS = 5
CALLS, STREAMS = 100, 10
"""Of each of those at once, in a round."""

PLAIN = msgspec.json.encode(BODY)
STREAMED = msgspec.json.encode({**BODY, "stream": True})
HEADERS = {"content-type": "application/json"}
Ask = Callable[[bytes], Awaitable[bytes]]


@asynccontextmanager
async def ours(base_url: str) -> AsyncGenerator[Ask]:
    """What the gateway calls with."""
    client = Client(base_url)

    async def ask(body: bytes) -> bytes:
        with await client.post("/chat/completions", body) as answer:
            parts: list[bytes] = []
            while chunk := await answer.chunk():
                parts.append(chunk)
            return b"".join(parts)

    yield ask
    await client.close()


@asynccontextmanager
async def pyreqwest(base_url: str) -> AsyncGenerator[Ask]:
    """The client of pyreqwest."""
    async with ClientBuilder().tcp_nodelay(True).no_proxy().build() as client:

        async def ask(body: bytes) -> bytes:
            builder = client.post(f"{base_url}/chat/completions").header("content-type", "application/json")
            builder = builder.streamed_read_buffer_limit(0).body_bytes(body)
            async with builder.build_streamed() as response:
                parts: list[bytes] = []
                while (chunk := await response.body_reader.read_chunk()) is not None:
                    parts.append(bytes(chunk))
                return b"".join(parts)

        yield ask


@asynccontextmanager
async def aiohttp(base_url: str) -> AsyncGenerator[Ask]:
    """The client of aiohttp."""
    library: Any = import_module("aiohttp")
    connector = library.TCPConnector(limit=0)
    async with library.ClientSession(connector=connector) as client:

        async def ask(body: bytes) -> bytes:
            async with client.post(f"{base_url}/chat/completions", data=body, headers=HEADERS) as reply:
                return b"".join([chunk async for chunk in reply.content.iter_any()])

        yield ask


CLIENTS = {"ours": ours, "pyreqwest": pyreqwest}
if find_spec("aiohttp"):
    CLIENTS["aiohttp"] = aiohttp


async def cost(ask: Ask, body: bytes, mark: str, times: int, each: int) -> float:
    """CPU of this process for one request, in µs. Raises AssertionError for a wrong answer."""

    async def caller() -> None:
        for _ in range(each):
            assert (await ask(body)).count(mark.encode()) == times

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))  # connections are there
    began = time.process_time()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return (time.process_time() - began) / (AT_ONCE * each) * 1e6


async def measured(base_url: str) -> list[Figure]:
    """The best of several rounds in turns, each beside ours."""
    plain: dict[str, list[float]] = {name: [] for name in CLIENTS}
    streamed: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for _ in range(ROUNDS):
        for name, client in CLIENTS.items():
            async with client(base_url) as ask:
                plain[name].append(await cost(ask, PLAIN, ANSWER, 1, CALLS))
                streamed[name].append(await cost(ask, STREAMED, PIECE, PIECES, STREAMS))
    return [
        Figure(
            f"{what}, {name}", min(rounds), "µs", None, "lower", min(taken["ours"]),
            round(min(rounds) / min(taken["ours"]), 2),
        )
        for what, taken in (("a request", plain), (f"a stream of {PIECES} pieces", streamed))
        for name, rounds in taken.items()
    ]  # fmt: skip


def main() -> None:
    """Measure and report, on uvloop."""
    os.sched_setaffinity(0, {OTHERS_CORE})
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder, mock_upstream(Path(folder)) as port:
        os.sched_setaffinity(0, {GATEWAY_CORE})
        report("upstream_client", uvloop.run(measured(f"http://127.0.0.1:{port}/v1")))


if __name__ == "__main__":
    main()
