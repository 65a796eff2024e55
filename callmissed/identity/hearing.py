"""Whether news of revocations still arrive in this process: a beat is sent through the database and must come back.

PostgreSQL delivers notifications in the order of commits, so when our own beat is heard, everything that was committed
before it was sent has been heard too. What a process remembers may be trusted until a second after the last such beat was
sent; a broken or silent connection therefore ends the trust by itself, and the database is asked instead.
"""

import asyncio
import logging
import secrets
import time

from callmissed.foundation import live
from callmissed.foundation.database import FAILURES, DirectConnection

log = logging.getLogger(__name__)

TRUST_SECONDS = 0.9
BEAT_SECONDS = 0.2
IDLE_SECONDS = 60.0
"""So long after the last use of any key nothing is sent any more: a quiet installation is quiet."""

OUTSTANDING = 16


class Hearing:
    """Sends beats while somebody depends on them, and says until when (`time.monotonic`) memory may be trusted."""

    def __init__(self, connection: DirectConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic
        self._name = secrets.token_hex(8)
        self._sent: dict[str, float] = {}
        self._needed = asyncio.Event()
        self._last_use = 0.0
        self.trusted_until = 0.0

    def wanted(self, now: float) -> None:
        """Somebody used what is remembered: keep beating for a while."""
        self._last_use = now
        if not self._needed.is_set():
            self._needed.set()

    def heard(self, beat: str) -> None:
        """A beat arrived, ours or another process's."""
        sent = self._sent.pop(beat, None)
        if sent is not None:
            self.trusted_until = max(self.trusted_until, sent + TRUST_SECONDS)

    def distrust(self) -> None:
        """News were missed: nothing sent so far proves anything."""
        self._sent.clear()
        self.trusted_until = 0.0

    async def beat(self) -> None:
        """Send beats until cancelled."""
        number = 0
        while True:
            await self._needed.wait()
            number += 1
            await self._send(f"{self._name}:{number}")
            await asyncio.sleep(BEAT_SECONDS)
            if time.monotonic() - self._last_use > IDLE_SECONDS:
                self._needed.clear()

    async def _send(self, beat: str) -> None:
        while len(self._sent) >= OUTSTANDING:
            self._sent.pop(next(iter(self._sent)))
        self._sent[beat] = time.monotonic()
        try:
            await live.announce_alone(self._connection, self._topic, {"beat": beat})
        except FAILURES as failure:  # trust ends by itself meanwhile
            log.warning("no beat: %s", type(failure).__name__)
