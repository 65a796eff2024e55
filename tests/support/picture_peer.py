"""A server on the loopback that makes pictures the way OpenAI's does. The model's name chooses how it behaves."""

import asyncio
import base64
import contextlib
import json
import struct
import zlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(shade: int = 0) -> bytes:
    """A picture of one pixel."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixel) + _chunk(b"IEND", b"")


@dataclass
class PicturePeer:
    """What it was asked (the members, and the `authorization`), and where it is."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextlib.asynccontextmanager
async def running_picture_peer() -> AsyncGenerator[PicturePeer]:
    """Serve until the end of the block."""
    peer = PicturePeer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
                }
                members = json.loads(await reader.readexactly(int(headers["content-length"])))
                peer.asked.append(members)
                peer.keys.append(headers.get("authorization", ""))
                await _answer(writer, members)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    peer.port = server.sockets[0].getsockname()[1]
    async with server:
        yield peer


async def _answer(writer: asyncio.StreamWriter, members: dict[str, Any]) -> None:
    model, count = members["model"], members.get("n", 1)
    if model == "slow":
        await asyncio.sleep(0.4)
    status = int(model) if model.isdecimal() else 200
    if model == "endless":
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(100):
            writer.write(b"%x\r\n" % 1_000_000 + b"A" * 1_000_000 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return
    body = b"<html>" if model == "garbage" else json.dumps(_document(model, count)).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


def _document(model: str, count: int) -> dict[str, Any]:
    made = {"partial": 1, "more": count + 3, "none": 0}.get(model, count)
    data = [{"b64_json": base64.b64encode(png(n)).decode()} for n in range(made)]
    if model == "address":
        data = [{"url": "http://169.254.169.254/latest/meta-data"}]
    if model == "page":
        data = [{"b64_json": base64.b64encode(b"<svg onload='alert(1)'/>").decode()}]
    if model == "crooked":
        data[-1] = {"b64_json": "no base64!"}
    if model == "wordy":
        data[0]["revised_prompt"] = "A cup of tea, in the morning light"
    return {"created": 1, "data": data}
