"""Writing down every few seconds what is counted in memory, for as long as the process runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from callmissed.foundation.problems import Problem

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 5.0
AWAY: Final = (SQLAlchemyError, psycopg.Error, Problem, OSError)
"""What writing raises while one of the databases is out of reach, or too busy: then it is tried again."""


class Often:
    """Calls `write` every five seconds, from `begin` to `end`. `name` says in the log what waits while it fails."""

    def __init__(self, write: Callable[[], Awaitable[None]], name: str) -> None:
        self._write = write
        self._name = name
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Write for the first time soon, and go on."""
        self._task = asyncio.create_task(self._go_on(), name=self._name)

    async def end(self) -> bool:
        """Wait until it has stopped, in the middle of nothing. False where it never began."""
        if self._task is None:
            return False
        self._ending.set()
        await self._task
        return True

    async def _go_on(self) -> None:
        while not self._ending.is_set():
            try:
                await self._write()
            except AWAY as failure:
                log.warning("%s waits for the database: %s", self._name, type(failure).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._ending.wait()
