"""A streamed answer on the wire: server-sent events, from the first piece to whatever ends it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec
from starlette.types import Message, Send

from callmissed.foundation.problems import Problem
from callmissed.gateway.completions import Call, stream
from callmissed.gateway.headers import Headers
from callmissed.gateway.interruptions import Interruption
from callmissed.gateway.limits import Allowance
from callmissed.gateway.upstreams import Piece

JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    NO_STORE,
    (b"x-accel-buffering", b"no"),
]
READER_SECONDS = 30.0
"""How long a reader may take nothing of what is sent."""
FAREWELL_SECONDS = 0.5
"""How long a reader who has stopped reading may keep the reason for the end waiting."""


class Told:
    """Sends a reply that says how its key's limits stand."""

    def __init__(self, send: Send, allowance: Allowance) -> None:
        self._send = send
        self._allowance = allowance

    async def __call__(self, message: Message) -> None:
        """Send a message."""
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *self._allowance.headers()]
        await self._send(message)


async def send_whole(send: Send, document: object, headers: Headers | None = None) -> None:
    """A reply in one part: bytes as they are, anything else as JSON."""
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    length = (b"content-length", str(len(body)).encode())
    await send(
        {"type": "http.response.start", "status": 200, "headers": [*(headers or [JSON]), NO_STORE, length]}
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def patiently(
    send: Send, data: bytes, interruption: Interruption | None, patience: float = READER_SECONDS
) -> None:
    """Send a part. A reader who takes nothing for too long has left: what was delivered is charged, as it is then."""
    try:
        async with asyncio.timeout(patience):
            await send({"type": "http.response.body", "body": data, "more_body": True})
    except TimeoutError:
        if interruption is None:
            raise asyncio.CancelledError from None
        interruption.leave()
        await asyncio.sleep(0)  # and here the cancellation meets us


class Speech(Protocol):
    """How a streamed answer is said in the language of its caller's client. Each verb gives bytes for the wire, or none."""

    def begin(self) -> bytes:
        """Before the first piece."""
        ...

    def piece(self, piece: Piece) -> bytes:
        """A piece."""
        ...

    def end(self) -> bytes:
        """After the last piece, once the call is settled."""
        ...

    def problem(self, problem: Problem) -> bytes:
        """Why it ends before its end."""
        ...


class Streaming:
    """One streamed answer. The status waits for the first piece, so that what fails before it has its own status."""

    def __init__(self, call: Call, send: Send, speech: Speech, patience: float = READER_SECONDS) -> None:
        self._call = call
        self._send = send
        self._speech = speech
        self._patience = patience
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
            except Problem as problem:
                await self._chunk(self._speech.problem(problem))
            else:
                await self._chunk(self._speech.end())

    async def _pieces(self, first: Piece, rest: AsyncGenerator[Piece]) -> None:
        await self._chunk(self._speech.begin() + self._speech.piece(first))
        while (piece := await anext(rest, None)) is not None:
            await self._chunk(self._speech.piece(piece))

    async def _say_farewell(self, problem: Problem) -> None:
        """Say why it ends here. A reader who does not listen is left without a word: the server then closes the connection."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._chunk(self._speech.problem(problem))
                await self._end()

    async def _chunk(self, data: bytes) -> None:
        if data:
            await patiently(self._send, data, self._call.interruption, self._patience)

    async def _end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
