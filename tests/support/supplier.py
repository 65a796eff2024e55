"""A supplier on the loopback that knows its customers by their keys: OpenAI's language and Anthropic's, whole and streamed.

It is a peer, not a mock: the gateway talks to it through its own client. What it refuses it refuses with words that quote the key.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.scripted import Scripted, scripted

SAID = "Namaste"


@dataclass(frozen=True)
class Seen:
    """One request: with whose key it came, and what it asked."""

    path: str
    key: str
    body: dict[str, Any]


@dataclass
class Supplier:
    """`customers` are the keys it accepts; `tells_anybody`: its list of models needs none. `answers` is a status instead of an answer."""

    customers: set[str] = field(default_factory=set[str])
    tells_anybody: bool = False
    answers: int = 200
    port: int = 0
    seen: list[Seen] = field(default_factory=list[Seen])

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def keys(self, path: str = "/v1/chat/completions") -> list[str]:
        """With whose keys it was asked there, in their order."""
        return [each.key for each in self.seen if each.path == path]


@asynccontextmanager
async def running_supplier(*customers: str, tells_anybody: bool = False) -> AsyncGenerator[Supplier]:
    """Serve until the end of the block."""
    supplier = Supplier(set(customers), tells_anybody)

    async def script(server: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await server.request(reader)
            lines = server.requests[-1].partition(b"\r\n\r\n")[0].decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:])
            key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("bearer ")
            seen = Seen(lines[0].split(" ")[1], key, json.loads(body or b"{}"))
            supplier.seen.append(seen)
            _answer(supplier, seen, writer)
            await writer.drain()

    async with scripted(script) as server:
        supplier.port = server.port
        yield supplier


def _answer(supplier: Supplier, seen: Seen, writer: asyncio.StreamWriter) -> None:
    listed = seen.path == "/v1/models"
    if seen.key not in supplier.customers and not (listed and supplier.tells_anybody):
        _send(writer, 401, {"error": {"message": f"Incorrect API key provided: {seen.key}"}})
    elif listed:
        _send(writer, 200, {"object": "list", "data": []})
    elif supplier.answers != 200:
        _send(writer, supplier.answers, {"error": {"message": f"{seen.key} may not"}})
    elif seen.path == "/v1/messages":
        _events(writer, _claude()) if seen.body.get("stream") else _send(writer, 200, _message())
    elif seen.path == "/v1/embeddings":
        _send(writer, 200, {"data": [{"index": 0, "embedding": [0.5]}], "usage": _USED})
    else:
        _events(writer, _gpt()) if seen.body.get("stream") else _send(writer, 200, _completion())


_USED = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
_THEIRS = {"input_tokens": 11, "output_tokens": 7}


def _completion() -> dict[str, Any]:
    message = {"role": "assistant", "content": SAID}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": _USED}


def _message() -> dict[str, Any]:
    content = [{"type": "text", "text": SAID}]
    return {"type": "message", "content": content, "stop_reason": "end_turn", "usage": _THEIRS}


def _gpt() -> list[str]:
    said = [{"index": 0, "delta": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}]
    return [json.dumps({"choices": said}), json.dumps({"choices": [], "usage": _USED}), "[DONE]"]


def _claude() -> list[str]:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"usage": _THEIRS}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SAID}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": _THEIRS},
        {"type": "message_stop"},
    ]
    return [json.dumps(each) for each in events]


def _send(writer: asyncio.StreamWriter, status: int, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


def _events(writer: asyncio.StreamWriter, events: list[str]) -> None:
    body = "".join(f"data: {each}\n\n" for each in events).encode()
    head = f"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
