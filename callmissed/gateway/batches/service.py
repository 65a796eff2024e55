"""Batches: made from an uploaded file, looked at, cancelled. How they are asked stands in `running`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from callmissed.foundation import audit, clock, jobs
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import OnceKeyReused, OnceKeyUnusable
from callmissed.gateway.batches import files, repository
from callmissed.gateway.batches.models import KEPT_DAYS, RETENTION_CLASS, Batch
from callmissed.gateway.batches.problems import BatchEnded, BatchNotFound, TooManyBatches
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.requests import readable

WINDOW = timedelta(hours=24)
MOST_RUNNING = 5
MOST_LABELS = 16
LONGEST_ONCE_KEY = 200
RUN = "gateway.batches.run"

Endpoint = Literal[
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/moderations"
]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Note = Annotated[str, msgspec.Meta(max_length=512)]


class BatchBody(msgspec.Struct):
    """The body of POST /v1/batches."""

    input_file_id: str
    endpoint: Endpoint
    completion_window: Literal["24h"]
    metadata: Annotated[dict[Label, Note], msgspec.Meta(max_length=MOST_LABELS)] | None = None
    output_expires_after: Any = None


_wish = msgspec.json.Decoder(BatchBody)
_labels = msgspec.json.Decoder(dict[str, str])


def read_wish(body: bytes) -> BatchBody:
    """Read a body. Raises Malformed, RequestInvalid and Unsupported."""
    with readable():
        wish = _wish.decode(body)
    if wish.output_expires_after is not None:
        raise Unsupported(param="output_expires_after")
    return wish


async def create(
    tx: Tx, key_id: UUID, wish: BatchBody, input_file_id: UUID | None, once: bytes | None = None
) -> Batch:
    """Begin a batch; asked for again with the same Idempotency-Key (`once`) within a day, it is the same one.

    Raises FileNotFound, RequestInvalid (a file of another purpose), TooManyBatches, OnceKeyUnusable and OnceKeyReused.
    """
    await repository.one_at_a_time(tx)
    once_hash = _hash(tx, once) if once is not None else None
    if once_hash and (before := await repository.made_once(tx, key_id, once_hash, clock.now() - WINDOW)):
        if (before.input_file_id, before.endpoint) != (input_file_id, wish.endpoint):
            raise OnceKeyReused
        return before
    file = await files.find(tx, input_file_id, lock=True)
    if file.purpose != files.UPLOADED:
        raise RequestInvalid("The purpose of the file must be `batch`.", param="input_file_id")
    if file.created_at + timedelta(days=KEPT_DAYS) < clock.now() + 2 * WINDOW:
        raise RequestInvalid("This file is about to expire. Upload it again.", param="input_file_id")
    if await repository.running(tx) >= MOST_RUNNING:
        raise TooManyBatches
    now, batch_id = clock.now(), uuid7()
    box = await tx.vault.person(key_id, RETENTION_CLASS)
    labels = msgspec.json.encode(wish.metadata) if wish.metadata else None
    made = Batch(
        tenant_id=tx.tenant_id, id=batch_id, key_id=key_id, input_file_id=file.id, endpoint=wish.endpoint, state="validating",
        total=0, completed=0, failed=0, answer_bytes=0, deliveries=0, faults=[], turn=0, seen_at=now, expires_at=now + WINDOW, created_at=now,
        once_hash=once_hash, labels=box.seal(Batch.labels, batch_id, labels) if labels else None,
    )  # fmt: skip
    tx.session.add(made)
    await defer(tx, made)
    await audit.record(tx, "gateway:batch:made", target=made.id, body={"endpoint": made.endpoint})
    return made


def _hash(tx: Tx, once: bytes) -> bytes:
    if not 0 < len(once) <= LONGEST_ONCE_KEY:
        raise OnceKeyUnusable
    return tx.vault.keyed_hash("idempotency_key", once.decode("latin-1"))


async def defer(tx: Tx, batch: Batch, *, seconds: float = 0) -> None:
    """Have its next turn worked off. Batches of one tenant take turns: the lock."""
    await wake(tx, batch.tenant_id, batch.id, batch.turn, seconds=seconds)


async def wake(tx: Tx, tenant_id: UUID, batch_id: UUID, turn: int, *, seconds: float = 0) -> None:
    """The same, by ids."""
    at = clock.now() + timedelta(seconds=seconds) if seconds else None
    await jobs.defer(
        tx,
        RUN,
        at=at,
        lock=f"batches {tenant_id}",
        tenant_id=str(tenant_id),
        batch_id=str(batch_id),
        turn=turn,
    )


async def find(tx: Tx, batch_id: UUID | None, *, lock: bool = False) -> Batch:
    """One batch. Raises BatchNotFound, for other tenants' ids too."""
    found = await repository.batch(tx, batch_id, lock=lock) if batch_id else None
    if found is None:
        raise BatchNotFound
    return found


async def labels(tx: Tx, batch: Batch) -> dict[str, str] | None:
    """Its caller's own notes on it. Raises Erased when the key that sealed them is gone."""
    if batch.labels is None:
        return None
    return _labels.decode(await tx.vault.open_bytes(Batch.labels, batch.id, batch.key_id, batch.labels))


async def recent(tx: Tx, limit: int, after: UUID | None = None) -> Sequence[Batch]:
    """Batches, newest first."""
    return await repository.batches(tx, limit, after)


async def cancel(tx: Tx, batch_id: UUID | None) -> Batch:
    """Ask nothing more; requests under way are finished. Raises BatchNotFound and BatchEnded. Cancelling again changes nothing."""
    found = await find(tx, batch_id, lock=True)
    if found.state == "cancelling":
        return found
    if found.state not in ("validating", "in_progress"):
        raise BatchEnded(status=found.state)
    found.state, found.cancelling_at = "cancelling", clock.now()
    await defer(tx, found)
    await audit.record(tx, "gateway:batch:cancelled", target=found.id, body={})
    return found
