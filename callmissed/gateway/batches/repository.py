"""SQL of files and batches. Every function works for the tenant of its transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, exists, func, insert, select, update

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.gateway.batches.lines import Place
from callmissed.gateway.batches.models import Batch, BatchLine, FilePart, StoredFile

RUNNING = ("validating", "in_progress", "finalizing", "cancelling")
AT_ONCE = 1_000
"""Rows of one statement."""


async def one_at_a_time(tx: Tx) -> None:
    """Until the transaction ends, nobody else counts and adds files or batches of this tenant."""
    await tx.session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"batches {tx.tenant_id}", 0)))
    )


# Files


async def held(tx: Tx) -> tuple[int, int]:
    """How many files the tenant has, and their bytes with those of answers that are in no file yet."""
    query = select(func.count(), func.coalesce(func.sum(StoredFile.size), 0))
    row = (await tx.session.execute(query.where(StoredFile.tenant_id == tx.tenant_id))).one()
    answers = select(func.coalesce(func.sum(Batch.answer_bytes), 0)).where(Batch.tenant_id == tx.tenant_id)
    return int(row[0]), int(row[1]) + int((await tx.session.execute(answers)).scalar_one())


async def file(tx: Tx, file_id: UUID, *, lock: bool = False) -> StoredFile | None:
    """One file; with `lock` nobody removes it before the transaction ends."""
    query = select(StoredFile).where(StoredFile.tenant_id == tx.tenant_id, StoredFile.id == file_id)
    return await tx.session.scalar(query.with_for_update() if lock else query)


async def files(
    tx: Tx, limit: int, after: UUID | None, purpose: str | None, *, newest_first: bool
) -> Sequence[StoredFile]:
    """Files, page by page."""
    query = select(StoredFile).where(StoredFile.tenant_id == tx.tenant_id)
    if purpose:
        query = query.where(StoredFile.purpose == purpose)
    if after:
        query = query.where(StoredFile.id < after if newest_first else StoredFile.id > after)
    order = StoredFile.id.desc() if newest_first else StoredFile.id.asc()
    return (await tx.session.scalars(query.order_by(order).limit(limit))).all()


async def part(tx: Tx, file_id: UUID, number: int) -> FilePart | None:
    """One part of a file; None after the last."""
    query = select(FilePart).where(
        FilePart.tenant_id == tx.tenant_id, FilePart.file_id == file_id, FilePart.number == number
    )
    return await tx.session.scalar(query)


async def remove_file(tx: Tx, file_id: UUID) -> None:
    """Remove a file with its parts."""
    await tx.session.execute(
        delete(StoredFile).where(StoredFile.tenant_id == tx.tenant_id, StoredFile.id == file_id)
    )


async def is_read(tx: Tx, file_id: UUID) -> bool:
    """Whether a batch that is not finished reads this file."""
    query = exists().where(
        Batch.tenant_id == tx.tenant_id, Batch.input_file_id == file_id, Batch.state.in_(RUNNING)
    )
    return bool(await tx.session.scalar(select(query)))


# Batches


async def running(tx: Tx) -> int:
    """How many batches of the tenant have not ended."""
    query = select(func.count()).where(Batch.tenant_id == tx.tenant_id, Batch.state.in_(RUNNING))
    return int((await tx.session.execute(query)).scalar_one())


async def batch(tx: Tx, batch_id: UUID, *, turn: int | None = None, lock: bool = False) -> Batch | None:
    """One batch; with `lock` nobody changes it before the transaction ends, with `turn` only if it is that one's turn."""
    query = select(Batch).where(Batch.tenant_id == tx.tenant_id, Batch.id == batch_id)
    if turn is not None:
        query = query.where(Batch.turn == turn)
    return await tx.session.scalar(query.with_for_update() if lock else query)


async def made_once(tx: Tx, key_id: UUID, once_hash: bytes, since: datetime) -> Batch | None:
    """The batch that this key has asked for under this Idempotency-Key since then."""
    query = select(Batch).where(
        Batch.tenant_id == tx.tenant_id,
        Batch.key_id == key_id,
        Batch.once_hash == once_hash,
        Batch.created_at > since,
    )
    return await tx.session.scalar(query)


async def batches(tx: Tx, limit: int, after: UUID | None = None) -> Sequence[Batch]:
    """Batches, newest first, page by page."""
    query = select(Batch).where(Batch.tenant_id == tx.tenant_id)
    if after:
        query = query.where(Batch.id < after)
    return (await tx.session.scalars(query.order_by(Batch.id.desc()).limit(limit))).all()


async def silent(tx: Tx, before: datetime) -> Sequence[tuple[UUID, UUID, int]]:
    """Tenant, id and turn of unfinished batches of all tenants that nobody has worked on since. Needs the verifier's role."""
    query = select(Batch.tenant_id, Batch.id, Batch.turn).where(
        Batch.state.in_(RUNNING), Batch.seen_at < before
    )
    return [(row.tenant_id, row.id, row.turn) for row in await tx.session.execute(query)]


# Lines


async def add_lines(tx: Tx, made: Batch, places: Sequence[Place]) -> None:
    """Enter the requests of a batch."""
    now = clock.now()
    for at in range(0, len(places), AT_ONCE):
        rows = [
            {
                "tenant_id": tx.tenant_id, "id": uuid7(), "batch_id": made.id, "number": each.number, "part": each.part,
                "begins": each.begins, "ends": each.ends, "state": "waiting", "due_at": now, "attempts": 0,
                "key_id": made.key_id, "created_at": made.created_at,
            }
            for each in places[at : at + AT_ONCE]
        ]  # fmt: skip
        await tx.session.execute(insert(BatchLine), rows)


async def lines(
    tx: Tx, batch_id: UUID, state: str, limit: int, *, due: datetime | None = None
) -> Sequence[BatchLine]:
    """Requests of a batch in this state, in the order of the file; with `due` those that may be asked then."""
    query = _lines(tx, batch_id).where(BatchLine.state == state)
    if due:
        query = query.where(BatchLine.due_at <= due)
    return (await tx.session.scalars(query.order_by(BatchLine.number).limit(limit))).all()


async def every_line(tx: Tx, batch_id: UUID, after: int, limit: int, size: int) -> Sequence[BatchLine]:
    """Requests of a batch after this line of its file, until their answers together have `size` bytes: at least one."""
    own = func.coalesce(func.octet_length(BatchLine.answer), 0)
    before = func.coalesce(func.sum(own).over(order_by=BatchLine.number, rows=(None, -1)), 0)
    sized = (
        select(BatchLine.id, before.label("before"))
        .where(BatchLine.tenant_id == tx.tenant_id, BatchLine.batch_id == batch_id, BatchLine.number > after)
        .order_by(BatchLine.number)
        .limit(limit)
        .subquery()
    )
    fitting = select(sized.c.id).where(sized.c.before < size)
    query = _lines(tx, batch_id).where(BatchLine.id.in_(fitting)).order_by(BatchLine.number)
    return (await tx.session.scalars(query)).all()


async def asked(tx: Tx, batch_id: UUID, usage_ids: Iterable[UUID]) -> Sequence[BatchLine]:
    """The requests that are being asked under these usage ids, held until the transaction ends."""
    query = _lines(tx, batch_id).where(BatchLine.state == "asked", BatchLine.usage_id.in_(tuple(usage_ids)))
    return (await tx.session.scalars(query.with_for_update())).all()


async def next_due(tx: Tx, batch_id: UUID) -> datetime | None:
    """When the next waiting request may be asked; None where none waits."""
    query = select(func.min(BatchLine.due_at)).where(
        BatchLine.tenant_id == tx.tenant_id, BatchLine.batch_id == batch_id, BatchLine.state == "waiting"
    )
    return await tx.session.scalar(query)


async def give_up(tx: Tx, batch_id: UUID, problem: str, status: int) -> int:
    """Every waiting request fails with this code; how many there were."""
    query = (
        update(BatchLine)
        .where(
            BatchLine.tenant_id == tx.tenant_id, BatchLine.batch_id == batch_id, BatchLine.state == "waiting"
        )
        .values(state="failed", problem=problem, status=status)
        .returning(BatchLine.id)
    )
    return len((await tx.session.execute(query)).all())


async def has_failed_with(tx: Tx, batch_id: UUID, problem: str) -> bool:
    """Whether a request failed with this code."""
    query = exists().where(
        BatchLine.tenant_id == tx.tenant_id, BatchLine.batch_id == batch_id, BatchLine.problem == problem
    )
    return bool(await tx.session.scalar(select(query)))


async def remove_lines(tx: Tx, batch_id: UUID) -> None:
    """The requests of a batch that is at its end: what came of them is in its files."""
    await tx.session.execute(
        delete(BatchLine).where(BatchLine.tenant_id == tx.tenant_id, BatchLine.batch_id == batch_id)
    )


def _lines(tx: Tx, batch_id: UUID) -> Select[BatchLine]:
    return select(BatchLine).where(BatchLine.tenant_id == tx.tenant_id, BatchLine.batch_id == batch_id)
