"""The writer of the register: what was declared and what was tried, written together every few seconds."""

from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import Final

from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation import clock
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.egress.models import EgressContact, EgressDestination
from callmissed.foundation.egress.register import REGISTER, Day, Destination, Register, Tries
from callmissed.foundation.often import AWAY, Often

SAID_AGAIN: Final = timedelta(hours=6)
"""So often what is declared is written again, that it stays known as long as it is in use."""


class EgressLog:
    """Writes down the register of this process, from `start` to `stop`."""

    def __init__(self, db: Database, register: Register = REGISTER) -> None:
        self._db = db
        self._register = register
        self._said: list[Destination] = []
        self._said_at = datetime.min.replace(tzinfo=UTC)
        self._often = Often(self.write, "the register of destinations")

    async def start(self) -> None:
        """Write what is declared by now, then go on until it is stopped."""
        await self.write()
        self._often.begin()

    async def stop(self) -> None:
        """Write what is left."""
        if await self._often.end():
            with suppress(*AWAY):
                await self.write()

    async def write(self) -> None:
        """Write everything that is new. What cannot be written waits."""
        declared, now = self._register.declared(), clock.now()
        say = declared != self._said or now - self._said_at > SAID_AGAIN
        tried = self._register.taken()
        if not tried and not say:
            return
        try:
            async with self._db.control() as tx:
                if say and declared:
                    await _declare(tx, declared, now)
                if tried:
                    await _count(tx, tried)
            tried = {}
            if say:
                self._said, self._said_at = declared, now
        finally:
            self._register.give_back(tried)


async def _declare(tx: Tx, declared: list[Destination], now: datetime) -> None:
    rows = [
        {
            "name": each.name[:80], "host": each.host, "port": each.port, "purpose": each.purpose, "region": each.region[:10],
            "categories": ", ".join(each.categories), "declared_by": each.declared_by[:120], "since": now, "last_at": now,
        }
        for each in declared
    ]  # fmt: skip
    statement = insert(EgressDestination).values(rows)
    changed = {
        name: statement.excluded[name]
        for name in ("purpose", "categories", "region", "declared_by", "last_at")
    }
    await tx.session.execute(
        statement.on_conflict_do_update(index_elements=["name", "host", "port"], set_=changed)
    )


async def _count(tx: Tx, tried: dict[Day, Tries]) -> None:
    rows = [
        {
            "at": datetime.combine(day, time.min, UTC),
            "host": host,
            "port": port,
            "contacts": tries.contacts,
            "refused": tries.refused,
        }
        for (day, host, port), tries in sorted(
            tried.items()
        )  # in one order, so that two processes never wait for each other
    ]
    statement = insert(EgressContact).values(rows)
    more = {
        name: EgressContact.__table__.c[name] + statement.excluded[name] for name in ("contacts", "refused")
    }
    await tx.session.execute(
        statement.on_conflict_do_update(index_elements=["at", "host", "port"], set_=more)
    )
