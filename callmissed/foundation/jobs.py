"""Jobs: work that starts in the transaction that needs it, and survives the process that does it.

Procrastinate keeps the queue in PostgreSQL. A job's arguments are ids, never personal data. Every job may run twice:
its effects are guarded by a key in the same transaction.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import procrastinate
from procrastinate import JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from sqlalchemy import text

from callmissed.foundation.database import AWAY, DRIVERS, Tx, out_of_reach
from callmissed.foundation.datamap import Keep, Whose, declare_store, pseudonym
from callmissed.foundation.problems import TenantClosed
from callmissed.foundation.services import Services

JobFunction = Callable[..., Awaitable[None]]

HEARTBEAT_SECONDS, STALLED_SECONDS = 3.0, 12
"""How often a worker gives a sign of life, and after how long without one its jobs count as orphaned and are run again."""
LOOK_SECONDS = 5.0
"""How often every worker looks for orphaned jobs: what a killed worker did goes on within 20 seconds."""

AGAIN_SECONDS = 1.0
POOL_SECONDS = 10.0
"""How long a statement of the queue waits for a connection."""

STORE = "procrastinate_jobs"

declare_store(
    STORE,
    "queue",
    {"args": pseudonym(Whose.USER, "ids of the rows a job works on")},
    Keep(until="a day after the job ended", promise="keep.active"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared job: its name, function, and when it repeats (cron, UTC) if it does."""

    name: str
    run: JobFunction
    cron: str | None
    retries: int


_declared: dict[str, Declared] = {}
_attempts: ContextVar[int] = ContextVar("attempts", default=0)


def is_repeated() -> bool:
    """Whether the job that asks was begun before: it failed then, or its worker died."""
    return _attempts.get() > 0


def task(name: str, *, retries: int = 8) -> Callable[[JobFunction], JobFunction]:
    """Declare `async def f(services, **ids)` as a job named "room.verb". Retried with growing pauses."""
    return _declare(name, None, retries)


def every(cron: str, name: str) -> Callable[[JobFunction], JobFunction]:
    """Declare `async def f(services)` as a job that runs on a schedule (five or six cron fields, UTC)."""
    return _declare(name, cron, 0)


def _declare(name: str, cron: str | None, retries: int) -> Callable[[JobFunction], JobFunction]:
    def enter(function: JobFunction) -> JobFunction:
        known = _declared.get(name)
        if known is not None and known.run.__qualname__ != function.__qualname__:
            reason = f"job {name} is declared twice"
            raise ValueError(reason)
        _declared[name] = Declared(name, function, cron, retries)
        return function

    return enter


def declared() -> tuple[Declared, ...]:
    """Every declared job, by name."""
    return tuple(_declared[name] for name in sorted(_declared))


_deferrer = procrastinate.App(connector=PsycopgConnector())
"""Never opened: it only builds the statement that `defer` runs on the caller's own connection."""


async def defer(
    tx: Tx, name: str, *, at: datetime | None = None, lock: str | None = None, **ids: str | int
) -> None:
    """Insert a job in this transaction: it exists if and only if the transaction commits.

    `at` is the earliest start. Jobs with the same `lock` run one after another. Raises KeyError for an undeclared name.
    """
    await insert(tx, name, dict(ids), at=at, lock=lock)


async def insert(
    tx: Tx, name: str, ids: dict[str, str | int], *, at: datetime | None = None, lock: str | None = None
) -> None:
    """`defer` for arguments whose names are only known at run time."""
    job = _declared[name]
    await _deferrer.configure_task(
        job.name, connection=await tx.driver(), schedule_at=at, lock=lock, allow_unknown=True
    ).defer_async(**ids)


async def forget(tx: Tx, tenant_id: UUID) -> int:
    """Remove the jobs of a tenant that nobody works on, whatever their state; how many there were."""
    query = text(
        "DELETE FROM procrastinate_jobs WHERE args->>'tenant_id' = :tenant AND status <> 'doing' RETURNING id"
    )
    return len((await tx.session.execute(query, {"tenant": str(tenant_id)})).all())


class Worker:
    """Runs jobs of this installation until stopped. One per process; several processes share the queue."""

    def __init__(self, dsn: str, services: Services, *, concurrency: int = 4) -> None:
        # Tried again for five seconds, then anew with the next statement: with the pool's own doubling pauses the queue
        # would stand still for minutes after the database is back.
        self._connector = PsycopgConnector(
            conninfo=dsn, min_size=1, max_size=concurrency + 2, reconnect_timeout=5, timeout=POOL_SECONDS
        )
        self._services = services
        self._concurrency = concurrency
        self._lost = asyncio.Event()
        self.app = procrastinate.App(connector=self._connector)
        for job in declared():
            self._register(job)
        self._register_reaper()

    def _register(self, job: Declared) -> None:
        services = self._services

        async def run(context: JobContext, timestamp: int | None = None, **ids: Any) -> None:
            del timestamp  # given to scheduled jobs; ours read the clock
            _attempts.set(context.job.attempts)
            try:
                await job.run(services, **ids)
            except TenantClosed:
                log.info("left %s undone: its tenant is closed", job.name)
            except DRIVERS as failure:
                # Not whatever connection broke: a supplier who hangs up fails one job, and ends nobody's worker.
                if out_of_reach(failure):
                    self._lost.set()
                raise

        retry = (
            procrastinate.RetryStrategy(max_attempts=job.retries, exponential_wait=2)
            if job.retries
            else False
        )
        queueing_lock = job.name if job.cron else None
        registered = self.app.task(
            name=job.name, retry=retry, queueing_lock=queueing_lock, pass_context=True
        )(run)
        if job.cron:
            self.app.periodic(cron=job.cron)(registered)  # pyright: ignore[reportArgumentType] its stub knows no keyword arguments

    def _register_reaper(self) -> None:
        app = self.app

        @app.periodic(cron="* * * * *")
        @app.task(name="foundation.jobs.reap", queueing_lock="foundation.jobs.reap")
        async def reap(timestamp: int) -> None:
            del timestamp
            await self._reap()
            await app.job_manager.delete_old_jobs(nb_hours=24)

    async def _reap(self) -> None:
        """Have the jobs of workers that show no sign of life run again."""
        manager = self.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
            await manager.retry_job(job)

    async def _reap_often(self) -> None:
        while True:
            with suppress(ConnectorException):  # another process was faster, or the database is away
                await self._reap()
            await asyncio.sleep(LOOK_SECONDS)

    async def run(self) -> None:
        """Work until cancelled; jobs under way may finish for ten seconds.

        A worker that lost the database may have jobs of which it could not write down how they ended. It gives its place to a
        new one, and the reaper takes those jobs for orphans.
        """
        while True:
            self._lost.clear()
            try:
                await self._work_until_lost()
            except (ConnectorException, *AWAY) as failure:
                log.warning("the queue waits for the database: %s", type(failure).__name__)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _work_until_lost(self) -> None:
        async with self.app.open_async():
            working = asyncio.create_task(
                self.app.run_worker_async(
                    concurrency=self._concurrency,
                    install_signal_handlers=False,
                    listen_notify=True,
                    shutdown_graceful_timeout=10,
                    delete_jobs="successful",
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                    stalled_worker_timeout=STALLED_SECONDS,
                ),
                name="worker of the queue",
            )
            reaping = asyncio.create_task(self._reap_often(), name="look for orphaned jobs")
            lost = asyncio.create_task(self._lost.wait(), name="loss of the database")
            try:
                await asyncio.wait((working, reaping, lost), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (working, reaping, lost):
                    each.cancel()
                ended = await asyncio.gather(working, reaping, return_exceptions=True)
            for each in ended:
                if isinstance(each, Exception):
                    raise each

    async def run_due(self) -> None:
        """Run everything that is due, once, and return: for drills, tests and `callmissed` commands."""
        async with self.app.open_async():
            await asyncio.wait_for(
                self.app.run_worker_async(
                    wait=False,
                    concurrency=self._concurrency,
                    install_signal_handlers=False,
                    listen_notify=False,
                ),
                timeout=60,
            )
