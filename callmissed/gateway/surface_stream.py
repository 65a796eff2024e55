"""A streamed answer on the wire: server-sent events as OpenAI's clients read them, from the first piece to whatever ends it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from starlette.types import Send

from callmissed.foundation.http import openai_document
from callmissed.foundation.problems import Problem
from callmissed.gateway import wire
from callmissed.gateway.completions import Call, stream
from callmissed.gateway.upstreams import Piece

JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    NO_STORE,
    (b"x-accel-buffering", b"no"),
]
FAREWELL_SECONDS = 0.5
"""How long a reader who has stopped reading may keep the reason for the end waiting."""


class Streaming:
    """One streamed answer. The status waits for the first piece, so that what fails before it has its own status."""

    def __init__(self, call: Call, created: int, send: Send, *, with_usage: bool) -> None:
        self._call = call
        self._created = created
        self._send = send
        self._with_usage = with_usage
        self._begun = False

    async def run(self) -> None:
        """Send the answer. Raises Problems before the status is out; later they are an event of the stream."""
        try:
            await self._answer()
        except asyncio.CancelledError:
            interruption = self._call.interruption
            if interruption is None or interruption.problem is None or not self._begun:
                raise
            interruption.finish()
            await self._say_farewell(interruption.problem)
        else:
            await self._end()

    async def _answer(self) -> None:
        async with contextlib.aclosing(stream(self._call)) as pieces:
            first = await anext(pieces)
            said = self._call.provenance.headers  # now it is known who answers
            await self._send(
                {"type": "http.response.start", "status": 200, "headers": [*EVENT_STREAM, *said]}
            )
            self._begun = True
            try:
                await self._pieces(first, pieces)
            except Problem as problem:  # the status is out: the clients of OpenAI read errors from the stream
                await self._chunk(wire.event(openai_document(problem)))
            else:
                if self._with_usage:
                    await self._chunk(
                        wire.chunk(self._call, self._created, b"[]", with_usage=True, last=True)
                    )
                await self._chunk(wire.DONE)

    async def _pieces(self, first: Piece, rest: AsyncGenerator[Piece]) -> None:
        piece: Piece | None = first
        while piece is not None:
            if piece.choices:
                await self._chunk(
                    wire.chunk(self._call, self._created, piece.choices, with_usage=self._with_usage)
                )
            piece = await anext(rest, None)

    async def _say_farewell(self, problem: Problem) -> None:
        """Say why it ends here. A reader who does not listen is left without a word: the server then closes the connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._chunk(wire.event(openai_document(problem)))
                await self._end()

    async def _chunk(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
