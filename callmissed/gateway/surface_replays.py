"""A request under an Idempotency-Key is answered once and charged once; asked again within 24 hours, the same answer is told.

The answer is sealed and kept because its caller asked for that with the header; nothing is kept without it. A claim is entered
before anything costs and names the usage record its charge will have, so that after a crash it is known whether there was one.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message, Send

from callmissed.billing import Used, used
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound, OnceKeyReused, OnceKeyUnusable, Problem
from callmissed.foundation.services import Services
from callmissed.gateway import repository
from callmissed.gateway.models import AnsweredOnce
from callmissed.gateway.problems import AnswerGone, AnswerUnderWay
from callmissed.identity import KeyAccess

log = logging.getLogger(__name__)

KEPT = timedelta(hours=24)
ABANDONED = timedelta(minutes=15)
"""After so long a request without an answer and without a charge has died with its server."""
RETENTION_CLASS = "replay"
LONGEST_KEY = 200
LARGEST_KEPT, MOST_KEPT = 4_000_000, 200_000_000
"""Bytes of one answer, and of all that a workspace has kept."""
AGAIN_SECONDS = 2

Perform = Callable[[UUID, Send], Awaitable[None]]
"""Does what is asked under a usage id, and sends the answer."""


class Kept(msgspec.Struct):
    """An answer as it was sent."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


class Replays:
    """Answers that may be asked for again."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def once(self, key: KeyAccess, once_key: bytes, said: bytes, send: Send, perform: Perform) -> None:
        """Do it, or send again what was answered. `said` is the address and the body.

        Raises OnceKeyUnusable, OnceKeyReused (another request had this key), AnswerUnderWay, AnswerGone, and what `perform` raises.
        """
        if not 0 < len(once_key) <= LONGEST_KEY:
            raise OnceKeyUnusable
        usage_id = uuid7()
        key_hash = self._services.vault.keyed_hash("idempotency_key", once_key.decode("latin-1"))
        async with self._services.db.tenant(key.access) as tx:
            kept = await _claim(tx, key.key_id, key_hash, said, usage_id)
        if kept is not None:
            await _send_again(send, kept)
            return

        async def keep(answer: Kept | None) -> None:
            await self._keep(key, key_hash, usage_id, answer)

        try:
            await perform(usage_id, _Record(send, keep))
        except Problem:
            await self._release(key, key_hash, usage_id)
            raise

    async def _keep(self, key: KeyAccess, key_hash: bytes, usage_id: UUID, answer: Kept | None) -> None:
        """Keep the answer, when it was whole; what failed on its way may be asked anew."""
        async with self._services.db.tenant(key.access) as tx:
            row = await repository.found(tx, key.key_id, key_hash)
            charge = await _charge(tx, usage_id)
            if row is None or row.usage_id != usage_id or charge is None:
                return
            if charge.status != "ok":
                if not charge.price_micro:
                    await tx.session.delete(row)
            elif answer is not None and await repository.kept_bytes(tx) < MOST_KEPT:
                box = await tx.vault.person(row.key_id, RETENTION_CLASS)
                row.answer = box.seal(AnsweredOnce.answer, row.id, msgspec.msgpack.encode(answer))

    async def _release(self, key: KeyAccess, key_hash: bytes, usage_id: UUID) -> None:
        """Give the key up again, unless something was charged under it."""
        async with self._services.db.tenant(key.access) as tx:
            row = await repository.found(tx, key.key_id, key_hash)
            charge = await _charge(tx, usage_id)
            if row is not None and row.usage_id == usage_id and not (charge and charge.price_micro):
                await tx.session.delete(row)


async def _claim(tx: Tx, key_id: UUID, key_hash: bytes, said: bytes, usage_id: UUID) -> Kept | None:
    """Enter the request; or what was answered to it before."""
    request_hash = tx.vault.keyed_hash("idempotent_request", said.decode("latin-1"))
    await repository.forget(tx, key_id, key_hash, clock.now() - KEPT)
    if await repository.claim(tx, key_id, key_hash, request_hash, usage_id):
        return None
    row = await repository.found(tx, key_id, key_hash)
    if row is None:  # it failed and was released in this very moment
        raise AnswerUnderWay(retry_after=AGAIN_SECONDS)
    if row.request_hash != request_hash:
        raise OnceKeyReused
    if row.answer is not None:
        opened = await tx.vault.open_bytes(AnsweredOnce.answer, row.id, row.key_id, row.answer)
        return msgspec.msgpack.decode(opened, type=Kept)
    await _take_over(tx, row, usage_id)
    return None


async def _take_over(tx: Tx, row: AnsweredOnce, usage_id: UUID) -> None:
    """Do it anew where nothing was charged and nobody is at it. Raises AnswerGone and AnswerUnderWay."""
    charge = await _charge(tx, row.usage_id)
    is_over = charge is not None and charge.status != "ok"
    if not is_over and row.created_at > clock.now() - ABANDONED:  # also between its charge and its being kept
        raise AnswerUnderWay(retry_after=AGAIN_SECONDS)
    if charge is not None and charge.price_micro:
        raise AnswerGone(usage_id=str(row.usage_id))
    row.usage_id, row.created_at = usage_id, clock.now()


async def _charge(tx: Tx, usage_id: UUID) -> Used | None:
    try:
        return await used(tx, usage_id)
    except NotFound:
        return None


async def _send_again(send: Send, kept: Kept) -> None:
    headers = [*kept.headers, (b"idempotency-replayed", b"true")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": kept.body, "more_body": False})


class _Record:
    """Sends on, and remembers what went by. The last byte waits until the answer is kept (None where it is too large for that)."""

    def __init__(self, send: Send, keep: Callable[[Kept | None], Awaitable[None]]) -> None:
        self._send = send
        self._keep = keep
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._headers = list(message["headers"])
        else:
            part: bytes = message.get("body", b"")
            self._size += len(part)
            if self._size <= LARGEST_KEPT:
                self._parts.append(part)
            if not message.get("more_body"):
                whole = Kept(self._headers, b"".join(self._parts))
                try:
                    await self._keep(whole if self._size <= LARGEST_KEPT else None)
                except (Problem, SQLAlchemyError, OSError):
                    # It is paid for: whoever asked gets it, whether or not it can be told again.
                    log.exception("an answer could not be kept")
        await self._send(message)
