"""A model server on the loopback that speaks Anthropic's Messages API, in both versions, and refuses what that API refuses.

It is a peer, not a mock: the gateway talks to it through its own client, and the official client understands it. The model's
name chooses what it does. Requests are read into strict shapes; what does not fit is answered with status 400, and kept.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from tests.support.peer import SECRET, WORDS
from tests.support.scripted import Scripted, scripted

Filled = Annotated[str, msgspec.Meta(min_length=1)]
Cache = dict[Literal["type"], Literal["ephemeral"]] | None


class Text(msgspec.Struct, tag="text", forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(pattern=r"\S")]
    cache_control: Cache = None


class Bytes(msgspec.Struct, tag="base64", forbid_unknown_fields=True):
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf"]
    data: Filled


class Address(msgspec.Struct, tag="url", forbid_unknown_fields=True):
    url: Annotated[str, msgspec.Meta(pattern="^https?://")]


class Image(msgspec.Struct, tag="image", forbid_unknown_fields=True):
    source: Bytes | Address
    cache_control: Cache = None


class Document(msgspec.Struct, tag="document", forbid_unknown_fields=True):
    source: Bytes
    title: Filled | None = None


class ToolUse(msgspec.Struct, tag="tool_use", forbid_unknown_fields=True):
    id: Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]+$")]
    name: Filled
    input: dict[str, Any]


class ToolResult(msgspec.Struct, tag="tool_result", forbid_unknown_fields=True):
    tool_use_id: Filled
    content: str | list[Text | Image] = ""


class Turn(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant"]
    content: Annotated[list[Text | Image | Document | ToolUse | ToolResult], msgspec.Meta(min_length=1)]


class Schema(msgspec.Struct):
    type: Literal["object"]


class Tool(msgspec.Struct, forbid_unknown_fields=True):
    name: Filled
    input_schema: Schema
    description: str = ""
    strict: bool = False
    cache_control: Cache = None


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["auto", "any", "tool", "none"]
    name: Filled | None = None
    disable_parallel_tool_use: bool = False


class Thinking(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["enabled", "adaptive"]
    budget_tokens: Annotated[int, msgspec.Meta(ge=1024)] | None = None


class Format(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["json_schema"]
    schema: Schema


class Output(msgspec.Struct, forbid_unknown_fields=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class Metadata(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/messages."""

    model: Filled
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=64_000)]
    messages: Annotated[list[Turn], msgspec.Meta(min_length=1)]
    system: Annotated[list[Text], msgspec.Meta(min_length=1)] | None = None
    stream: bool = False
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[Annotated[str, msgspec.Meta(pattern=r"\S")]] | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: Output | None = None
    cache_control: Cache = None
    metadata: Metadata | None = None


@dataclass
class AnthropicPeer:
    """What the server was asked, what it found wrong, and where it is."""

    server: Scripted | None = None
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    wrong: list[str] = field(default_factory=list[str])

    @property
    def base_url(self) -> str:
        assert self.server
        return f"http://127.0.0.1:{self.server.port}"


@asynccontextmanager
async def running_anthropic_peer() -> AsyncGenerator[AnthropicPeer]:
    """Serve until the end of the block."""
    peer = AnthropicPeer()

    async def script(server: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await server.request(reader)
            head = server.requests[-1].partition(b"\r\n\r\n")[0].decode().lower()
            await _answer(peer, head, body, writer)

    async with scripted(script) as server:
        peer.server = server
        yield peer


async def _answer(peer: AnthropicPeer, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
    try:
        asked = msgspec.json.decode(body, type=Request)
        wrong = next(_wrong(head, asked), "")
    except msgspec.ValidationError as failure:
        _error(peer, writer, 400, str(failure))
        return
    peer.asked.append(json.loads(body))
    name = asked.model
    if wrong:
        _error(peer, writer, 401 if "key" in wrong else 400, wrong)
    elif name.isdecimal():
        _error(peer, writer, int(name), "as asked")
    elif asked.stream:
        await _stream(writer, asked)
    else:
        _send(writer, 200, b"<html>" if name == "garbage" else json.dumps(_whole(asked)).encode())


def _wrong(head: str, asked: Request) -> Iterator[str]:
    """Rules that no shape holds."""
    if "\r\nx-api-key: " not in head and "\r\nauthorization: bearer " not in head:
        yield "no key"
    version = head.partition("\r\nanthropic-version: ")[2].partition("\r\n")[0]
    if version not in {"2023-06-01", "2026-10-21"}:
        yield "no such version"
    if version == "2026-10-21" and not (asked.temperature is asked.top_p is asked.top_k is None):
        yield "sampling was removed"
    if not head.startswith("post /v1/messages "):
        yield "no such address"
    roles = [turn.role for turn in asked.messages]
    if roles != [("user", "assistant")[n % 2] for n in range(len(roles))]:
        yield "roles must alternate, beginning with the user"
    yield from _wrong_tools(asked.messages)
    if (choice := asked.tool_choice) and (not asked.tools or (choice.type == "tool") != bool(choice.name)):
        yield "tool_choice does not fit the tools"
    if thinking := asked.thinking:
        if (thinking.type == "enabled") != bool(thinking.budget_tokens):
            yield "a budget belongs to thinking that is enabled"
        if (thinking.budget_tokens or 0) >= asked.max_tokens:
            yield "the budget must be smaller than max_tokens"
        if asked.tool_choice and asked.tool_choice.type in {"any", "tool"}:
            yield "no thinking where a tool has to be used"
        if thinking.type == "enabled" and isinstance(asked.messages[-1].content[0], ToolResult):
            yield "expected a thinking block before tool_use"


def _wrong_tools(turns: Sequence[Turn]) -> Iterator[str]:
    """Each call has its result first in the next turn, and each result its call before it."""
    called: set[str] = set()
    for turn in turns:
        results = [block for block in turn.content if isinstance(block, ToolResult)]
        if {each.tool_use_id for each in results} != called:
            yield "results must be those of the calls just before"
        if any(not isinstance(block, ToolResult) for block in turn.content[: len(results)]):
            yield "results come first"
        called = {block.id for block in turn.content if isinstance(block, ToolUse)}


def _error(peer: AnthropicPeer, writer: asyncio.StreamWriter, status: int, why: str) -> None:
    if why != "as asked":
        peer.wrong.append(why)
    error = {"type": "invalid_request_error", "message": f"{why}: {SECRET}"}
    _send(writer, status, json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode())


def _send(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nretry-after: 7\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


USED = {"input_tokens": 5, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 4, "output_tokens": 1}
"""11 tokens read."""


def _blocks(asked: Request) -> list[dict[str, Any]]:
    """What is answered: words, or with tools a thought, words, and two calls, the second without arguments."""
    if not asked.tools or asked.model == "refuses":
        return [{"type": "text", "text": "".join(WORDS)}]
    name = asked.tools[0].name
    return [
        {"type": "thinking", "thinking": "Two prices are asked.", "signature": "c2ln"},
        {"type": "text", "text": "One moment."},
        {"type": "tool_use", "id": "toolu_1", "name": name, "input": {"of": "visit"}},
        {"type": "tool_use", "id": "toolu_2", "name": name, "input": {}},
    ]


def _stop(asked: Request) -> str:
    reasons = {"refuses": "refusal", "long": "max_tokens"}
    return reasons.get(asked.model, "tool_use" if asked.tools else "end_turn")


def _whole(asked: Request) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": asked.model, "content": _blocks(asked),
        "stop_reason": _stop(asked), "stop_sequence": None, "usage": {**USED, "output_tokens": 7},
    }  # fmt: skip


def _events(asked: Request) -> Iterator[dict[str, Any]]:
    opened = {**_whole(asked), "content": [], "stop_reason": None, "usage": USED}
    yield {"type": "message_start", "message": opened}
    yield {"type": "ping"}
    if asked.model == "overloaded":
        yield {"type": "error", "error": {"type": "overloaded_error", "message": SECRET}}
    for index, block in enumerate(_blocks(asked)):
        empty = {
            "text": {"text": ""},
            "thinking": {"thinking": "", "signature": ""},
            "tool_use": {"input": {}},
        }
        yield {
            "type": "content_block_start",
            "index": index,
            "content_block": {**block, **empty[block["type"]]},
        }
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    if asked.model == "breaks":
        yield {"type": "error", "error": {"type": "api_error", "message": SECRET}}
    if asked.model == "ends-early":
        return
    delta = {"stop_reason": _stop(asked), "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}
    yield {"type": "message_stop"}


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "thinking":
        yield {"type": "thinking_delta", "thinking": "Two prices "}
        yield {"type": "thinking_delta", "thinking": "are asked."}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif block["type"] == "tool_use":
        yield {"type": "input_json_delta", "partial_json": ""}
        written = json.dumps(block["input"]) if block["input"] else ""
        for n in range(0, len(written), 6):
            yield {"type": "input_json_delta", "partial_json": written[n : n + 6]}
    else:
        for word in WORDS if block["text"].startswith(WORDS[0]) else [block["text"]]:
            yield {"type": "text_delta", "text": word}


async def _stream(writer: asyncio.StreamWriter, asked: Request) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for event in _events(asked):
        data = f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
        for piece in (bytes([each]) for each in data) if asked.model == "crumbs" else (data,):
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
