"""A model server on the loopback that speaks OpenAI's chat completions over real HTTP, and misbehaves when asked to.

The model's name chooses the behaviour. It is a peer, not a mock: the gateway talks to it through its own client.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

SECRET = "sk-upstream-secret-that-must-not-leak"
WORDS = ["Namaste", ", ", "the ", "visit ", "costs ", "₹399", "."]


CALLS: list[dict[str, Any]] = [
    {"role": "assistant", "reasoning_content": "Two prices "},
    {"reasoning_content": "are asked."},
    {"content": "One moment."},
    {
        "tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "price", "arguments": ""}}
        ]
    },
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"of":'}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '"visit"}'}}]},
    {
        "tool_calls": [
            {
                "index": 1,
                "id": "call_2",
                "type": "function",
                "function": {"name": "price", "arguments": '{"of":"gas"}'},
            }
        ]
    },
]
"""A streamed answer that thinks, speaks, and calls two tools."""


@dataclass
class Peer:
    """What the server was asked, and where it is."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextlib.asynccontextmanager
async def running_peer() -> AsyncGenerator[Peer]:
    """Serve until the end of the block."""
    peer = Peer()
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_serve(peer, reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _serve(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {
                n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:] if line)
            }
            body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
            path = lines[0].split(" ")[1]
            peer.asked.append({"headers": headers, "body": body, "path": path})
            asked_before = sum(each["body"]["model"] == body["model"] for each in peer.asked) - 1
            if body["model"] == "recovers" and asked_before % 2 == 0:
                writer.transport.abort()
                break
            if path.endswith(("/embeddings", "/moderations")):
                _whole(writer, json.dumps(_worked(path, body)).encode())
            elif not await _behave(writer, body):
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        peer.left += 1
    finally:
        writer.close()


async def _behave(writer: asyncio.StreamWriter, body: dict[str, Any]) -> bool:
    """Answer as the model's name says. Returns whether the connection may be used again."""
    behaviour = body["model"]
    if behaviour == "hangs":
        await asyncio.sleep(30)
    if behaviour == "late":
        await asyncio.sleep(0.3)
    if behaviour == "resets":
        writer.transport.abort()
        return False
    if behaviour.isdecimal():
        error = {"error": {"message": f"account {SECRET} is not allowed", "code": "x"}}
        _whole(writer, json.dumps(error).encode(), int(behaviour))
        return True
    if body.get("stream"):
        return await _stream(writer, behaviour, body)
    if behaviour == "garbage":
        _whole(writer, b"<html>maintenance</html>")
        return True
    if behaviour == "error-inside":
        _whole(writer, json.dumps({"error": {"message": SECRET}}).encode())
        return True
    if behaviour == "ponders":
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(40):  # spaces before the document, so that nobody thinks it hangs
            _chunk(writer, b" ")
            await writer.drain()
            await asyncio.sleep(0.1)
        _chunk(writer, _document(body, behaviour))
        writer.write(b"0\r\n\r\n")
        return True
    if behaviour == "short":
        writer.write(
            b'HTTP/1.1 200 OK\r\ncontent-length: 5000\r\ncontent-type: application/json\r\n\r\n{"choices":'
        )
        await writer.drain()
        return False
    _whole(writer, _document(body, behaviour))
    return True


def _worked(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """An answer of the other kinds: a vector for each input, counted, or a moderation, which nobody counts."""
    if body["model"] == "odd":
        return {"object": "something else"}
    if path.endswith("/moderations"):
        flagged = {"flagged": "hurt" in str(body["input"]), "categories": {"violence": True}}
        return {"id": "theirs", "model": "theirs", "results": [{**flagged, "category_scores": {}}]}
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": n, "embedding": [0.5, n]} for n in range(len(inputs))]
    used = {"prompt_tokens": 9 * len(inputs), "total_tokens": 9 * len(inputs)}
    return {"object": "list", "data": data, "model": "theirs", "usage": used}


def _words(body: dict[str, Any]) -> list[str]:
    """What it says; an echo (`says`: whatever format is asked for) repeats what the user said last, three characters at a time."""
    if body["model"] not in {"echo", "says"}:
        return WORDS
    said = body["messages"][-1]["content"]
    return [said[n : n + 3] for n in range(0, len(said), 3)]


def _arguments(body: dict[str, Any]) -> str:
    return json.dumps({"of": "".join(_words(body))}) if body["model"] == "echo" else '{"of":"visit"}'


def _calls(body: dict[str, Any]) -> list[dict[str, Any]]:
    if body["model"] != "echo":
        return CALLS
    written = _arguments(body)
    parts = [written[n : n + 3] for n in range(0, len(written), 3)]
    return [CALLS[3], *({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts)]


def _document(body: dict[str, Any], behaviour: str) -> bytes:
    formed = "response_format" in body and behaviour != "says"
    said = '{"price": 399}' if formed else "".join(_words(body))
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if "tools" in body:
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "price", "arguments": _arguments(body)},
        }
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    document: dict[str, Any] = {
        "id": "x", "object": "chat.completion", "created": 1, "model": behaviour,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "seed_seen": body.get("seed")}],
    }  # fmt: skip
    if behaviour != "silent":
        document["usage"] = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return json.dumps(document).encode()


def _whole(writer: asyncio.StreamWriter, body: bytes, status: int = 200) -> None:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


async def _stream(writer: asyncio.StreamWriter, behaviour: str, body: dict[str, Any]) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for delta in _calls(body) if "tools" in body else ():
        await _event(writer, behaviour, delta)
    while behaviour == "endless":  # until the other side has had enough
        await _event(writer, behaviour, {"content": WORDS[4]})
        await asyncio.sleep(0.02)
    for n, word in enumerate(() if "tools" in body or behaviour == "nothing" else _words(body)):
        if n == 3 and behaviour == "breaks":
            writer.transport.abort()
            return False
        if n == 3 and behaviour == "ends-early":
            writer.write(b"0\r\n\r\n")
            return True
        if n == 3 and behaviour == "garbage":
            _chunk(writer, b"data: {not json\n\n")
        if n == 3 and behaviour == "stalls":
            await asyncio.sleep(30)
        await _event(writer, behaviour, {"content": word} if n else {"role": "assistant", "content": word})
        await asyncio.sleep(0.02 if behaviour == "slowly" else 0)
    if behaviour != "nothing":
        await _event(writer, behaviour, {}, "stop")
    if behaviour not in {"silent", "nothing"} and body.get("stream_options", {}).get("include_usage"):
        usage = {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}
        _chunk(writer, b"data: " + json.dumps(usage).encode() + b"\r\n\r\n")
    _chunk(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    return True


async def _event(
    writer: asyncio.StreamWriter, behaviour: str, delta: dict[str, Any], finish: str | None = None
) -> None:
    document = {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    data = b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"
    if behaviour == "crumbs":  # every byte by itself: UTF-8 characters and events are cut anywhere
        for byte in data:
            _chunk(writer, bytes([byte]))
            await writer.drain()
        return
    _chunk(writer, data)
    await writer.drain()


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
