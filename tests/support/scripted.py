"""A server on the loopback that answers each request with the bytes it was given, and counts what its clients do."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

ROOMY = 1_000_000
Script = Callable[["Scripted", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Scripted:
    """What was seen: requests in their order, connections made, bytes handed to the system for sending."""

    script: Script
    port: int = 0
    requests: list[bytes] = field(default_factory=list[bytes])
    sent: int = 0
    connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    )

    @property
    def made(self) -> int:
        """Connections so far."""
        return len(self.connections)

    @property
    def open(self) -> int:
        """Connections that no side has closed."""
        return sum(not (r.at_eof() or w.transport.is_closing()) for r, w in self.connections)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections.append((reader, writer))
        try:
            await self.script(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """The next request, head and body. Raises IncompleteReadError when the client has gone."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length or b"0"))
        self.requests.append(head + body)
        return body

    async def closed(self) -> None:
        """Wait until no client is connected. Raises TimeoutError after two seconds."""
        async with asyncio.timeout(2):
            while self.open:
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def scripted(script: Script, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Scripted]:
    """Serve until the end of the block."""
    made = Scripted(script)
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls, limit=ROOMY)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def always(*parts: bytes, pause: float = 0.0, close: bool = False) -> Script:
    """The same bytes for every request, part by part; then the connection stays, or is closed."""

    async def script(server: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await server.request(reader)
            for part in parts:
                writer.write(part)
                await writer.drain()
                server.sent += len(part)
                await asyncio.sleep(pause)
            if close:
                return

    return script
