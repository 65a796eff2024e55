"""A supplier's administration as documented by OpenAI and Anthropic: reports of usage by day and model, one model a page."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "sk-admin-0000000000000000"


@dataclass
class ReportPeer:
    """What it counted: day to model to (requests, read, written). `spoils` is sent in place of any answer."""

    port: int = 0
    counted: dict[str, dict[str, tuple[int, int, int]]] = field(default_factory=dict)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    spoils: bytes | None = None
    shift: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@contextlib.asynccontextmanager
async def running_report_peer() -> AsyncGenerator[ReportPeer]:
    """Serve until the end of the block."""
    peer = ReportPeer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
            status, body = _answer(peer, head[0].split(" ")[1], headers)
            lines = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            writer.write(lines.encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


def _answer(peer: ReportPeer, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
    where = urlsplit(target)
    query = parse_qs(where.query)
    peer.asked.append(query)
    openai = where.path == "/v1/organization/usage/completions"
    if not openai and where.path != "/v1/organizations/usage_report/messages":
        return 404, b"{}"
    if (headers.get("authorization") if openai else headers.get("x-api-key")) != (
        f"Bearer {KEY}" if openai else KEY
    ):
        return 401, json.dumps({"error": {"message": f"{KEY} is not allowed"}}).encode()
    if peer.spoils is not None:
        return 200, peer.spoils
    return 200, json.dumps(_page(peer, query, openai)).encode()


def _page(peer: ReportPeer, query: dict[str, list[str]], openai: bool) -> dict[str, Any]:
    if openai:
        start = datetime.fromtimestamp(int(query["start_time"][0]), UTC)
        grouped = query["group_by"]
    else:
        start = datetime.strptime(query["starting_at"][0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        grouped = query["group_by[]"]
    assert (query["bucket_width"], grouped) == (["1d"], ["model"])
    models = list(peer.counted.get(f"{start:%Y-%m-%d}", {}).items())
    at = int(query.get("page", ["0"])[0])
    results = [_result(model, counts, openai) for model, counts in models[at : at + 1]]
    stamp = int(start.timestamp()) + peer.shift
    bucket = (
        {"start_time": stamp} if openai else {"starting_at": datetime.fromtimestamp(stamp, UTC).isoformat()}
    )
    more = at + 1 < len(models)
    return {
        "data": [{**bucket, "results": results}],
        "has_more": more,
        "next_page": str(at + 1) if more else None,
    }


def _result(model: str, counts: tuple[int, int, int], openai: bool) -> dict[str, Any]:
    requests, read, written = counts
    if openai:
        return {
            "input_tokens": read,
            "output_tokens": written,
            "num_model_requests": requests,
            "model": model,
        }
    made = {"ephemeral_1h_input_tokens": 1, "ephemeral_5m_input_tokens": 2}
    parts = {"uncached_input_tokens": read - 5, "cache_read_input_tokens": 2, "cache_creation": made}
    return {**parts, "output_tokens": written, "model": model, "server_tool_use": {"web_search_requests": 0}}
