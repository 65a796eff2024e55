"""Asking a batch's requests, in turns of a few seconds, so that the batches of a workspace share and other jobs come in between.

A turn belongs to one worker: it begins by counting `Batch.turn` up, and whatever it writes is written only while that stands.
What an earlier worker left being asked is settled first: its hold is released, after which its usage record says for good
whether it was charged. Charged means answered; what was not charged is asked again under a new id.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from callmissed.billing import Ledger, used
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.batches import calling, files, repository, service, wire
from callmissed.gateway.batches.lines import read_line
from callmissed.gateway.batches.models import RETENTION_CLASS, Batch, BatchLine
from callmissed.gateway.batches.problems import (
    AnswersTooLarge,
    BatchCancelled,
    BatchExpired,
    BatchUndelivered,
    Superseded,
)
from callmissed.gateway.batches.writing import begin, deliver
from callmissed.identity import KeyAccess, KeyRing

log = logging.getLogger(__name__)

TURN_SECONDS = 5.0
PLACES = 2
"""Turns at once in one process, so that other jobs and those who wait for an answer have the rest."""
AT_ONCE = 8
"""Requests at once in one turn: what a workspace has under way, because its batches take turns."""

PAUSES = (5, 20, 60, 300)
"""Seconds until a request is asked again that failed for a passing reason; then it has failed."""
LONGEST_WAIT_SECONDS = 20.0
"""The other batches of the workspace wait as well."""
MOST_ANSWER_BYTES = 200_000_000
"""Bytes of the answers of one batch."""
SPARE_BYTES = 4_000_000
"""With less room than that nothing more is asked: an answer that is not kept is not billed, but has cost."""
FULL = frozenset({"batch_answers_too_large", "too_many_files"})
"""Codes of what will not fit; the requests after it are not asked."""
MOST_DELIVERIES = 3
"""How often the files of a batch are begun."""

PASSING = frozenset(
    {
        "upstream_unreachable", "upstream_slow", "upstream_busy", "upstream_paused", "upstream_crowded", "upstream_broken",
        "ledger_busy", "insufficient_quota",
    }
)  # fmt: skip
"""Codes of what may be otherwise in a moment. An empty wallet may only be held by the requests beside this one."""


class Places:
    """How many turns are under way in this process."""

    def __init__(self) -> None:
        self._taken: set[UUID] = set()

    def take(self, batch_id: UUID) -> bool:
        """Whether there is a place, and nobody here works on this batch; it is the caller's until it calls `leave`."""
        if len(self._taken) >= PLACES or batch_id in self._taken:
            return False
        self._taken.add(batch_id)
        return True

    def leave(self, batch_id: UUID) -> None:
        """Give the place back."""
        self._taken.discard(batch_id)


@dataclass(slots=True)
class Turn:
    """What one turn works on."""

    services: Services
    access: Access
    batch: Batch
    number: int
    ends: float
    key: KeyAccess | Problem
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """So that those who ask do not each hold a connection while they wait for the batch's row."""
    _part: tuple[int, bytes] = field(default=(-1, b""))

    async def body(self, line: BatchLine) -> bytes:
        """What a request asks. Raises LineUnreadable, and Erased when the file's key is gone."""
        number, content = self._part
        if number != line.part:
            async with self.services.db.tenant(self.access) as tx:
                content = await files.part(tx, self.batch.input_file_id, line.part) or b""
            self._part = (line.part, content)
        return bytes(read_line(content[line.begins : line.ends]).body)


class TakenUp(NamedTuple):
    """A request, and the id that its charge will have."""

    line: BatchLine
    usage_id: UUID


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a request: `problem` is None where it was answered."""

    usage_id: UUID
    problem: Problem | None = None


async def work(services: Services, tenant_id: UUID, batch_id: UUID, number: int | None) -> None:
    """One turn of a batch, if it is still that one's; None takes it over, whoever's it was. Raises TenantClosed."""
    access = Access.system(tenant_id)
    async with services.db.tenant(access) as tx:
        batch = await repository.batch(tx, batch_id, turn=number, lock=True)
        if batch is None or batch.state not in repository.RUNNING:
            return
        batch.turn, batch.seen_at = batch.turn + 1, clock.now()
        left = await repository.lines(tx, batch_id, "asked", repository.AT_ONCE)
    await _clear_up(services, access, batch, left)
    key = await _standing(services, batch)
    turn = Turn(services, access, batch, batch.turn, time.monotonic() + TURN_SECONDS, key)
    if batch.state == "validating":
        await begin(services, access, batch, key)
    came = await asyncio.gather(*(_one_after_another(turn) for _ in range(AT_ONCE)), return_exceptions=True)
    for each in came:  # all have ended: nothing is left here that could settle while another turn clears up
        if isinstance(each, BaseException):
            raise each
    await _leave(turn)


async def _one_after_another(turn: Turn) -> None:
    """Ask one request after another until the turn, or what can be asked now, is over."""
    done: Asked | None = None
    while taken := await _next(turn, done):
        done = await _ask_one(turn, *taken)


async def _standing(services: Services, batch: Batch) -> KeyAccess | Problem:
    """What the batch's key may do now, or why it may not."""
    try:
        key = await services.get(KeyRing).standing(batch.tenant_id, batch.key_id)
        key.use("llm")
    except Problem as problem:
        return problem
    return key


async def _clear_up(services: Services, access: Access, batch: Batch, left: Sequence[BatchLine]) -> None:
    """Find out what became of requests whose worker died."""
    ledger = services.get(Ledger)
    for line in left:
        if line.usage_id:
            await ledger.release(access.tenant_id, line.usage_id)
    async with services.db.tenant(access) as tx:
        held = await repository.batch(tx, batch.id, turn=batch.turn, lock=True)
        if held is None:
            return
        for line in await repository.asked(tx, batch.id, [each.usage_id for each in left if each.usage_id]):
            if await _is_charged(tx, line.usage_id) and line.answer is not None:
                line.state = "done"
                held.completed += 1
            else:
                _drop_answer(held, line)
                line.state, line.usage_id = "waiting", None


async def _is_charged(tx: Tx, usage_id: UUID | None) -> bool:
    try:
        return usage_id is not None and (await used(tx, usage_id)).status == "ok"
    except NotFound:
        return False


async def _next(turn: Turn, done: Asked | None) -> TakenUp | None:
    """Write down what came of a request, and take up the next, if one may be asked now."""
    turn.key = await _standing(turn.services, turn.batch)
    async with turn.writing, turn.services.db.tenant(turn.access) as tx:
        batch = await repository.batch(tx, turn.batch.id, turn=turn.number, lock=True)
        if batch is None or batch.state not in repository.RUNNING:
            return None  # over, or somebody else's turn: what was done here is found in the usage records
        batch.seen_at = clock.now()
        if done is not None:
            await _note(tx, batch, done)
        await _stop(tx, batch, turn.key)
        return await _take_up(tx, batch) if time.monotonic() < turn.ends else None


async def _leave(turn: Turn) -> None:
    """Have the batch go on when its next request may be asked; end it where none is left."""
    async with turn.services.db.tenant(turn.access) as tx:
        batch = await repository.batch(tx, turn.batch.id, turn=turn.number, lock=True)
        if batch is None or batch.state not in repository.RUNNING:
            return
        due = await repository.next_due(tx, batch.id)
        if due is not None:
            wait = (due - clock.now()).total_seconds()
            await service.defer(tx, batch, seconds=min(max(wait, 0), LONGEST_WAIT_SECONDS))
            return
        if batch.deliveries >= MOST_DELIVERIES:
            log.error("the files of batch %s cannot be written", batch.id)
            batch.state, batch.ended_at = "failed", clock.now()
            batch.faults = [[0, BatchUndelivered.code, None]]
            return
        batch.deliveries += 1
        if batch.state == "in_progress":
            batch.state, batch.finalizing_at = "finalizing", clock.now()
    await deliver(turn.services, turn.access, batch.id, turn.number)


async def _stop(tx: Tx, batch: Batch, key: KeyAccess | Problem) -> None:
    """Give up what waits, where nothing more is to be asked: it was cancelled, its time is over, or its key does not work."""
    why: Problem | None = None
    if batch.state == "cancelling":
        why = BatchCancelled()
    elif batch.expires_at <= clock.now():
        why = BatchExpired()
    elif isinstance(key, Problem):
        why = key
    else:
        try:
            await _make_room(tx, batch, SPARE_BYTES)
        except Problem as full:
            why = full
    if why is not None:
        batch.failed += await repository.give_up(tx, batch.id, why.code, why.status)


async def _make_room(tx: Tx, batch: Batch, size: int) -> None:
    """Whether so many bytes more of answers can be kept. Raises AnswersTooLarge and TooManyFiles."""
    if batch.answer_bytes + size > MOST_ANSWER_BYTES:
        raise AnswersTooLarge
    await files.room(tx, size)


async def _take_up(tx: Tx, batch: Batch) -> TakenUp | None:
    """The next request, with the id that its charge will have."""
    for line in await repository.lines(tx, batch.id, "waiting", 1, due=clock.now()):
        usage_id = uuid7()
        line.state, line.usage_id, line.attempts = "asked", usage_id, line.attempts + 1
        return TakenUp(line, usage_id)
    return None


async def _note(tx: Tx, batch: Batch, done: Asked) -> None:
    """Write down what came of a request, if it is still being asked under that id."""
    for line in await repository.asked(tx, batch.id, [done.usage_id]):
        if done.problem is None:
            line.state = "done"
            batch.completed += 1
        elif done.problem.code in PASSING and line.attempts <= len(PAUSES):
            _drop_answer(batch, line)
            line.state, line.usage_id = "waiting", None
            line.due_at = clock.now() + timedelta(seconds=PAUSES[line.attempts - 1])
        else:
            _drop_answer(batch, line)
            box = await tx.vault.person(line.key_id, RETENTION_CLASS)
            line.state, line.problem, line.status = "failed", done.problem.code, done.problem.status
            line.answer = box.seal(BatchLine.answer, line.id, wire.refusal(done.problem))
            batch.failed += 1
            if done.problem.code in FULL:
                batch.failed += await repository.give_up(tx, batch.id, done.problem.code, done.problem.status)


def _drop_answer(batch: Batch, line: BatchLine) -> None:
    """What was kept and not charged is nobody's."""
    batch.answer_bytes -= len(line.answer or b"")
    line.answer = None


async def _ask_one(turn: Turn, line: BatchLine, usage_id: UUID) -> Asked:
    key = turn.key
    if isinstance(key, Problem):
        return Asked(usage_id, key)

    async def keep(body: bytes) -> None:
        async with turn.writing, turn.services.db.tenant(turn.access) as tx:
            batch = await repository.batch(tx, turn.batch.id, turn=turn.number, lock=True)
            found = await repository.asked(tx, turn.batch.id, [usage_id])
            if (
                batch is None or not found
            ):  # the next turn releases what it finds held: nothing is kept after that
                raise Superseded
            box = await tx.vault.person(line.key_id, RETENTION_CLASS)
            answer = box.seal(BatchLine.answer, line.id, body)
            await _make_room(tx, batch, len(answer))
            batch.answer_bytes += len(answer)
            found[0].status, found[0].answer = 200, answer

    try:
        await calling.ask(turn.services, key, turn.batch.endpoint, await turn.body(line), usage_id, keep)
    except Problem as problem:
        return Asked(usage_id, problem)
    return Asked(usage_id)
