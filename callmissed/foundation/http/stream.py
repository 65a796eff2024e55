"""Server-sent events (WHATWG HTML §9.2): live news to a page, with a heartbeat so that dead connections are noticed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.responses import StreamingResponse

HEARTBEAT_SECONDS = 15


def event_stream(events: AsyncIterator[tuple[str, str]]) -> StreamingResponse:
    """Stream (event name, data) pairs. Data may have several lines. A comment every 15 s keeps proxies awake."""
    return StreamingResponse(
        _frames(events),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


def frame(name: str, data: str) -> str:
    """One event on the wire."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\n{lines}\n"


async def _frames(events: AsyncIterator[tuple[str, str]]) -> AsyncGenerator[str]:
    yield "retry: 2000\n\n"
    pending: asyncio.Future[tuple[str, str]] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({pending}, timeout=HEARTBEAT_SECONDS)
            if not done:
                yield ": still here\n\n"
                continue
            try:
                name, data = pending.result()
            except StopAsyncIteration:
                return
            pending = None
            yield frame(name, data)
    finally:
        if pending is not None:
            pending.cancel()
