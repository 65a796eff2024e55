"""A request under the response cache: answered from what was kept, or answered and kept once the answer has left."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message, Send

from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway.billed import Billable, BilledCall, Caller
from callmissed.gateway.cache import LARGEST, Kept, find_answer, keep_answer, sameness
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.works import WorkRequest
from callmissed.identity import KeyAccess

log = logging.getLogger(__name__)

OURS = frozenset({b"cm-cache", b"cm-cost-inr", b"cm-usage-id", b"content-length"})
"""What is said anew each time."""
MISS, HIT, FREE = (b"cm-cache", b"miss"), (b"cm-cache", b"hit"), (b"cm-cost-inr", b"0.000000")
FALLBACK = b"cm-fallback-for"

Perform = Callable[[Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: as it was read, and its address and body as they came."""

    request: Billable
    path: str
    body: bytes


def repeatable(key: KeyAccess, request: CompletionRequest | WorkRequest) -> bool:
    """Whether the same request may be answered with the same words for an hour: not a stream, nor what rests on knowledge, which
    may have changed since.
    """
    if request.stream or key.grounds is not None:
        return False
    wishes = request.wishes if isinstance(request, CompletionRequest) else None
    return wishes is None or wishes.grounding is None


class Cache:
    """Answers that may be told again."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(
        self, key: KeyAccess, asked: Asked, caller: Caller, send: Send, perform: Perform
    ) -> None:
        """Answer. A cache that cannot be read or written is as good as empty. Raises what `perform` raises, and what any call does."""
        same = self._services.vault.keyed_hash("cached_request", sameness(key, asked.path, asked.body))
        call = BilledCall(
            self._services, key.access, asked.request, caller
        )  # it must still be allowed and offered
        kept = None
        try:
            async with self._services.db.tenant(key.access) as tx:
                kept = await find_answer(tx, same)
        except (Problem, SQLAlchemyError, OSError, msgspec.DecodeError):
            log.exception("the cache could not be read")
        if kept is not None:
            await call.repeat()
            await _tell(send, kept, str(call.id))
            return
        heard = _Whole(send)
        await perform(heard)
        if (answer := heard.answer(call)) is not None:
            try:
                async with self._services.db.tenant(key.access) as tx:
                    await keep_answer(tx, key.key_id, same, answer)
            except (Problem, SQLAlchemyError, OSError):
                log.exception("an answer could not be cached")


async def _tell(send: Send, kept: Kept, usage_id: str) -> None:
    """Send it, under the id of its own usage record."""
    body = kept.body.replace(str(kept.usage_id).encode(), usage_id.encode())
    own = [HIT, FREE, (b"cm-usage-id", usage_id.encode()), (b"content-length", str(len(body)).encode())]
    headers = [*(each for each in kept.headers if each[0] not in OURS), *own]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Whole:
    """Sends on, and remembers an answer that comes in one part."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._headers = list(message["headers"])
            message["headers"] = [*message["headers"], MISS]
        elif not message.get("more_body"):
            self._body = message.get("body", b"")
        await self._send(message)

    def answer(self, call: BilledCall) -> Kept | None:
        """What may be kept. Not what another model answered than the one asked for, nor what is too long."""
        fell_back = any(name == FALLBACK for name, _ in self._headers)
        fits = 0 < len(self._body) <= LARGEST
        return Kept(call.id, self._headers, self._body) if fits and not fell_back else None
