"""The beginning and the end of a batch: its file is read and its requests entered; its answers and failures become files."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.batches import files, repository, wire
from callmissed.gateway.batches.calling import allow
from callmissed.gateway.batches.lines import MOST_LINES, Reading, read_line
from callmissed.gateway.batches.models import Batch, BatchLine
from callmissed.gateway.batches.names import batch_name
from callmissed.gateway.batches.problems import BatchUnusable
from callmissed.identity import KeyAccess

PAGE, PAGE_BYTES = 200, 4_000_000
"""Answers that are in memory at once, and their bytes; one may be larger."""


async def begin(services: Services, access: Access, batch: Batch, key: KeyAccess | Problem) -> None:
    """Read a batch's file and enter its requests; or end it, with all that is wrong with the file."""
    reading: Reading | None = None
    faults: list[list[object]] = []
    if isinstance(key, Problem):
        faults.append([0, key.code, None])
    else:
        reading = Reading(batch.endpoint, await allow(services, key, batch.endpoint))
        number = 0
        async for part in files.parts(services, access, batch.input_file_id):
            await asyncio.to_thread(reading.part, number, part)
            number += 1
            if reading.is_over:
                break
        faults.extend(list[object](fault) for fault in reading.faults)
        if not 0 < len(reading.places) <= MOST_LINES:
            faults.append([0, BatchUnusable.code, None])
    async with services.db.tenant(access) as tx:
        held = await repository.batch(tx, batch.id, turn=batch.turn, lock=True)
        if held is None or held.state != "validating":
            return
        if reading is None or faults:
            held.state, held.faults, held.ended_at = "failed", faults, clock.now()
        else:
            await repository.add_lines(tx, held, reading.places)
            held.state, held.total, held.begun_at = "in_progress", len(reading.places), clock.now()


async def deliver(services: Services, access: Access, batch_id: UUID, number: int) -> None:
    """Write the files of a batch whose requests have all come to an end, and end it: one transaction."""
    async with services.db.tenant(access) as tx:
        batch = await repository.batch(tx, batch_id, turn=number, lock=True)
        if batch is None:
            return
        answers = files.Writer(tx, batch.key_id, files.LEFT, f"{batch_name(batch.id)}_output.jsonl")
        failures = files.Writer(tx, batch.key_id, files.LEFT, f"{batch_name(batch.id)}_error.jsonl")
        expired = await repository.has_failed_with(tx, batch.id, "batch_expired")
        await _write(tx, batch, answers, failures)
        output, errors = await answers.close(), await failures.close()
        batch.output_file_id = output.id if output else None
        batch.error_file_id = errors.id if errors else None
        await repository.remove_lines(tx, batch.id)
        batch.answer_bytes, batch.ended_at = 0, clock.now()
        batch.state = "cancelled" if batch.cancelling_at else "expired" if expired else "completed"


async def _write(tx: Tx, batch: Batch, answers: files.Writer, failures: files.Writer) -> None:
    """Every request's line, in the order of the input."""
    part, content, last = -1, b"", 0
    while page := await repository.every_line(tx, batch.id, last, PAGE, PAGE_BYTES):
        bodies = await _bodies(tx, page)
        for line, body in zip(page, bodies, strict=True):
            if line.part != part:
                part, content = line.part, await files.part(tx, batch.input_file_id, line.part) or b""
            custom_id = read_line(content[line.begins : line.ends]).custom_id
            await (answers if line.state == "done" else failures).add(wire.left(line, custom_id, body))
            tx.session.expunge(line)
        last = page[-1].number


async def _bodies(tx: Tx, page: Sequence[BatchLine]) -> Sequence[bytes | None]:
    return [
        await tx.vault.open_bytes(BatchLine.answer, line.id, line.key_id, line.answer)
        if line.answer
        else None
        for line in page
    ]
