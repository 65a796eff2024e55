"""Listening to an answer on its way out, for the prompt log of a key that is switched to it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message, Send

from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway.prompt_log import LARGEST, Exchange, keep_content, packed
from callmissed.gateway.surface_images import GENERATIONS
from callmissed.identity import MASKING, KeyAccess

log = logging.getLogger(__name__)


class _Heard:
    """Sends on, and remembers what went by, as far as it is kept."""

    def __init__(self, send: Send, *, shows: bool) -> None:
        self._send = send
        self.begun = self.streamed = False
        self.shows = shows
        self.parts: list[bytes] = []
        self.size = 0

    async def __call__(self, message: Message) -> None:
        await self._send(message)
        if message["type"] == "http.response.start":
            self.begun = True
            kind = next((value for name, value in message["headers"] if name == b"content-type"), b"")
            self.streamed = kind.startswith(b"text/event-stream")
            self.shows = self.shows or kind.startswith(b"audio/")
        elif self.shows:
            return  # of speech and pictures the words that were asked for are kept
        elif body := message.get("body", b""):
            self.parts.append(body[: max(LARGEST - self.size, 0)])
            self.size += len(body)


async def logged(
    services: Services,
    key: KeyAccess,
    usage_id: UUID,
    said: tuple[str, bytes],
    send: Send,
    perform: Callable[[Send], Awaitable[None]],
) -> None:
    """Perform a request (`said` is its address and body), and keep what was asked and delivered once it has left.

    Raises what `perform` raises. A log that cannot be written is no failure of the request.
    """
    heard = _Heard(send, shows=said[0] == GENERATIONS)
    try:
        await perform(heard)
    finally:
        path, body = said
        masks = MASKING in key.options
        asked, told = (
            _kept(body, len(body), masks=masks),
            _kept(b"".join(heard.parts), heard.size, masks=masks),
        )
        cut = len(body) > LARGEST or heard.size > LARGEST
        exchange = Exchange(path, asked, told, heard.streamed, cut)
        try:
            content = await asyncio.to_thread(packed, exchange, masks=masks)
            async with services.db.tenant(key.access) as tx:
                await keep_content(tx, key.key_id, usage_id, content, begun=heard.begun)
        except (Problem, SQLAlchemyError, OSError):
            log.exception("what was asked could not be kept")


def _kept(body: bytes, size: int, *, masks: bool) -> bytes:
    """What is kept of a body of that size: its beginning; of one that is masked nothing, because half of it cannot be masked."""
    return b"" if masks and size > LARGEST else body[:LARGEST]
