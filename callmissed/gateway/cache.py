"""The response cache: what is kept of answers, for whom, and until when. Off unless a key is switched to it.

The same request of the same workspace gets the same answer for an hour, free. Exact match only: address and body mean the same as
JSON. What is kept is sealed, and goes when its key is switched off.
"""

from datetime import timedelta
from uuid import UUID

import msgspec

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.gateway import repository
from callmissed.gateway.models import KeptAnswer
from callmissed.gateway.requests import readable
from callmissed.identity import CACHE, COMPRESSION, MASKING, REPAIR, KeyAccess, keys

KEPT = timedelta(hours=1)
RETENTION_CLASS = "cache"
LARGEST, MOST_KEPT = 1_000_000, 100_000_000
"""Bytes of one answer, and of all that a workspace has kept."""
ALTERING = frozenset({MASKING, COMPRESSION, REPAIR})
"""What a key can be switched to that changes its answers."""


class Kept(msgspec.Struct):
    """An answer as it was sent, under the id of the usage record it was charged with."""

    usage_id: UUID
    headers: list[tuple[bytes, bytes]]
    body: bytes


def sameness(key: KeyAccess, path: str, body: bytes) -> str:
    """What two requests have in common that get the same answer. Raises Malformed for what is no JSON in a part that nobody reads."""
    with readable():
        said = msgspec.json.encode(msgspec.json.decode(body), order="sorted").decode()
    return f"{path}\n{key.india_only}\n{sorted(key.options & ALTERING)}\n{said}"


async def find_answer(tx: Tx, request_hash: bytes) -> Kept | None:
    """What was answered to it in the last hour, for a key that is still switched to the cache."""
    row = await repository.kept_answer(tx, request_hash, clock.now() - KEPT)
    if row is None or CACHE not in (await keys.options_of(tx, row.key_id)):
        return None
    opened = await tx.vault.open_bytes(KeptAnswer.answer, row.id, row.key_id, row.answer)
    return msgspec.msgpack.decode(opened, type=Kept)


async def keep_answer(tx: Tx, key_id: UUID, request_hash: bytes, kept: Kept) -> None:
    """Keep an answer in place of an older one, where there is room; what is past its hour goes first."""
    await repository.forget_answers(tx, before=clock.now() - KEPT)
    if CACHE not in (await keys.options_of(tx, key_id)) or await repository.cached_bytes(tx) > MOST_KEPT:
        return
    row_id, box = uuid7(), await tx.vault.person(key_id, RETENTION_CLASS)
    answer = box.seal(KeptAnswer.answer, row_id, msgspec.msgpack.encode(kept))
    await repository.keep_answer(tx, row_id, key_id, request_hash, answer)


async def empty_cache(tx: Tx) -> int:
    """Forget all answers of the workspace. Returns how many there were."""
    gone = await repository.forget_answers(tx)
    if gone:
        await audit.record(tx, "gateway:cache:emptied", body={"answers": gone})
    return gone


async def follow_switch(tx: Tx, key_id: UUID) -> None:
    """Forget the answers of a key that is not switched to the cache any more: to be called when a key was changed."""
    if CACHE not in (await keys.options_of(tx, key_id)):
        await repository.forget_answers(tx, key_id=key_id)


async def cached_answers(tx: Tx) -> int:
    """How many answers the workspace could be told again now."""
    return await repository.cached_count(tx, clock.now() - KEPT)
