"""What runs on a key, and its end: an answer that is streamed lasts longer than the look at its key did.

News of a key, or of its tenant, have the database asked again; so has a silence in which news could have been missed. What
runs on a key that does not work any more is ended with the reason: within a second, also in a process that has gone deaf.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.database import FAILURES
from callmissed.foundation.problems import Problem
from callmissed.identity.hearing import Hearing
from callmissed.identity.key_access import KeyAccess
from callmissed.identity.key_problems import KeyReplaced

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
"""How often the holds are looked through while there are any."""

DOUBT_SECONDS = 0.3
"""With less trust left than this the database is asked: a beat each 0.2 s keeps 0.7 s of it."""

ASK_SECONDS = 0.4
"""How long an answer of the database stands in such a silence."""

Read = Callable[[UUID, UUID], Awaitable[Collection[KeyAccess]]]
"""What the secrets of a key give now, from the database: tenant, key. Raises the Problems of a key that does not work."""


@dataclass(eq=False, slots=True)
class _Hold:
    """Something that runs on a key, while its block does. `asked_at` is of `time.monotonic`: when it was last asked for;
    infinite meanwhile.
    """

    holds: "Holds"
    key: KeyAccess
    end: Callable[[Problem], None]
    asked_at: float

    def __enter__(self) -> None:
        """It is in sight already."""

    def __exit__(self, *_: object) -> None:
        """Nothing runs any more."""
        self.holds.drop(self)


class Holds:
    """Everything that runs on keys in this process."""

    def __init__(self, read: Read, hearing: Hearing) -> None:
        self._read = read
        self._hearing = hearing
        self._by_key: dict[UUID, set[_Hold]] = {}
        self._some = asyncio.Event()
        self._asking: set[asyncio.Task[None]] = set()

    def hold(
        self, key: KeyAccess, end: Callable[[Problem], None], *, certain: bool
    ) -> AbstractContextManager[None]:
        """Until the block is left, call `end` with the reason as soon as the key does not work any more.

        `certain`: nothing about the key has changed since it was looked at; otherwise it is asked for again now.
        """
        held = _Hold(self, key, end, time.monotonic())
        self._by_key.setdefault(key.key_id, set()).add(held)
        self._some.set()
        if not certain:
            self.ask(key.key_id)
        return held

    def ask(self, key_id: UUID) -> None:
        """Ask the database whether what runs on this key may go on."""
        held = self._by_key.get(key_id)
        if held:
            task = asyncio.create_task(self._ask(tuple(held)), name="key hold")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def ask_for(self, tenant_id: UUID | None) -> None:
        """Ask for every key of a tenant, or (None) for every key there is."""
        for key_id, held in tuple(self._by_key.items()):
            if tenant_id is None or any(each.key.tenant_id == tenant_id for each in held):
                self.ask(key_id)

    async def watch(self) -> None:
        """Until cancelled: look for keys that have expired, and ask for all of them in a silence."""
        while True:
            await self._some.wait()
            now = time.monotonic()
            self._hearing.wanted(now)
            doubtful = now + DOUBT_SECONDS >= self._hearing.trusted_until
            for key_id, held in tuple(self._by_key.items()):
                _end_expired(held)
                if doubtful and any(each.asked_at + ASK_SECONDS <= now for each in held):
                    self.ask(key_id)
            await asyncio.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Ask nothing any more."""
        for task in tuple(self._asking):
            task.cancel()

    async def _ask(self, held: Collection[_Hold]) -> None:
        key, began = next(iter(held)).key, time.monotonic()
        for each in held:
            each.asked_at = math.inf
        try:
            _end_stopped(held, await self._read(key.tenant_id, key.key_id))
        except Problem as problem:
            for each in held:
                each.end(type(problem)())
        except FAILURES as failure:  # the next look asks again
            log.warning("keys in use cannot be asked for: %s", type(failure).__name__)
        finally:
            for each in held:
                each.asked_at = began

    def drop(self, held: _Hold) -> None:
        """Look at it no longer."""
        others = self._by_key[held.key.key_id]
        others.discard(held)
        if not others:
            del self._by_key[held.key.key_id]
        if not self._by_key:
            self._some.clear()


def _end_stopped(held: Collection[_Hold], secrets: Collection[KeyAccess]) -> None:
    """End what runs on a secret that the key has no more, or whose time is over now."""
    found, now = {each.serial: each for each in secrets}, clock.now()
    for each in held:
        secret = found.get(each.key.serial)
        if secret is None:
            each.end(KeyReplaced())
        elif secret.expires_at is not None and secret.expires_at <= now:
            each.end(secret.ended())


def _end_expired(held: Collection[_Hold]) -> None:
    """End what runs on a secret whose time is over. A token's own time is for coming in: its key's counts here."""
    for each in tuple(held):
        expires_at = each.key.expires_at
        if not each.key.by_token and expires_at is not None and expires_at <= clock.now():
            each.end(each.key.ended())
