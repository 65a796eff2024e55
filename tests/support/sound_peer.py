"""Servers that speak and hear on the loopback: OpenAI's way, Deepgram's and Sarvam's, each by its address. The model's name
chooses how it behaves. Forms are read with the standard library, so that what reaches a supplier is read by somebody else's code.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

SPOKEN = b"\x01\x02" * 50_000


@dataclass
class Asked:
    """One request: its address, parameters, headers, members of its JSON or fields of its form, and the file in it."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    members: dict[str, Any] = field(default_factory=dict)
    file: bytes = b""


@dataclass
class SoundPeer:
    """What it was asked, and where it is."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def running_sound_peer() -> AsyncGenerator[SoundPeer]:
    """Serve until the end of the block."""
    peer = SoundPeer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked = await _read(reader)
                peer.asked.append(asked)
                if not await _answer(writer, asked):
                    break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
    peer.port = server.sockets[0].getsockname()[1]
    async with server:
        yield peer


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    address = urlsplit(first.split(" ")[1])
    asked = Asked(address.path, dict(parse_qsl(address.query)), headers)
    if headers["content-type"].startswith("multipart/"):
        form = message_from_bytes(f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body)
        for part in cast("list[Message]", form.get_payload()):
            content = cast("bytes", part.get_payload(decode=True))
            if part.get_filename():
                asked.file = content
            else:
                asked.members[str(part.get_param("name", header="content-disposition"))] = content.decode()
    elif headers["content-type"] == "application/json":
        asked.members = json.loads(body)
    else:
        asked.file = body
    return asked


async def _answer(writer: asyncio.StreamWriter, asked: Asked) -> bool:
    model = asked.members.get("model") or asked.query.get("model", "")
    if "500" in model:
        _whole(writer, b"{}", status=500)
    elif asked.path.endswith(("/audio/speech", "/speak", "/text-to-speech/stream")):
        return await _speak(writer, model)
    elif "garbage" in model:
        _whole(writer, b"<html>")
    elif asked.path.endswith("/listen"):
        _whole(writer, json.dumps(_deepgram(model)).encode())
    elif asked.path.endswith("/speech-to-text"):
        _whole(writer, json.dumps(_sarvam(asked.members)).encode())
    else:
        _whole(writer, json.dumps(_openai(model, asked)).encode())
    return True


async def _speak(writer: asyncio.StreamWriter, model: str) -> bool:
    """Sound in parts, with a rest between them; or half of it, or none."""
    kind = "text/html" if "odd" in model else "audio/mpeg"
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    parts = [] if "mute" in model else [SPOKEN[n : n + 20_000] for n in range(0, len(SPOKEN), 20_000)]
    for n, part in enumerate(parts):
        if "breaks" in model and n == 2:
            writer.transport.abort()
            return False
        writer.write(b"%x\r\n%b\r\n" % (len(part), part))
        await writer.drain()
        await asyncio.sleep(0.3 if "slow" in model else 0.01)
    writer.write(b"0\r\n\r\n")
    return True


def _openai(model: str, asked: Asked) -> dict[str, Any]:
    seconds = 500.0 if "longer" in model else 2.4
    told: dict[str, Any] = {"text": "Namaste, kal aaiye.", "usage": {"type": "duration", "seconds": seconds}}
    if asked.members["response_format"] == "verbose_json":
        told |= {"language": "hindi", "duration": seconds}
        told["segments"] = [
            {"id": 0, "start": 0.0, "end": 2.4, "text": " Namaste, kal aaiye.", "avg_logprob": -0.1}
        ]
        told["words"] = [{"word": "Namaste", "start": 0.0, "end": 0.6}]
    return told


def _deepgram(model: str) -> dict[str, Any]:
    words = [
        {
            "word": "namaste",
            "punctuated_word": "Namaste,",
            "start": 0.1,
            "end": 0.6,
            "confidence": 0.9,
            "speaker": 1,
        }
    ]
    channel = {
        "detected_language": "hi",
        "alternatives": [{"transcript": "Namaste, kal aaiye.", "words": words}],
    }
    utterances = [{"start": 0.1, "end": 2.2, "transcript": "Namaste, kal aaiye.", "speaker": 1}]
    seconds = 500.0 if "longer" in model else 2.4
    return {"metadata": {"duration": seconds}, "results": {"channels": [channel], "utterances": utterances}}


def _sarvam(members: dict[str, Any]) -> dict[str, Any]:
    words = "नमस्ते, कल आइए। " * (200 if members["model"] == "wordy" else 1)
    told: dict[str, Any] = {"request_id": "r", "transcript": words.strip(), "language_code": "od-IN"}
    if members.get("with_timestamps"):
        told["timestamps"] = {"words": ["नमस्ते"], "start_time_seconds": [0.1], "end_time_seconds": [0.6]}
    return told


def _whole(writer: asyncio.StreamWriter, body: bytes, status: int = 200) -> None:
    writer.write(
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
