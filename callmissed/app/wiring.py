"""Wiring: which objects this process runs with. The only place where adapters are chosen."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable

from callmissed.app import rooms, tables
from callmissed.app.installation import DataRole, Installation
from callmissed.foundation.database import Database, refuse_drift
from callmissed.foundation.live import LiveBus
from callmissed.foundation.services import Services


@runtime_checkable
class LongLived(Protocol):
    """An object of a room that must be stopped with the process."""

    async def stop(self) -> None:
        """Finish what is under way."""
        ...


@asynccontextmanager
async def wired(installation: Installation, role: DataRole = "cm_app") -> AsyncGenerator[Services]:
    """Everything the process needs, started; stopped in reverse order at the end of the block."""
    tables.load()
    rooms.load_tasks()
    settings = installation.settings
    vault = installation.vault()
    db = Database(installation.data_plane(role).sqlalchemy, vault)
    verifier = Database(installation.data_plane("cm_verifier").sqlalchemy, vault, pool_size=1)
    live = LiveBus(installation.data_plane(role).psycopg)
    services = Services(
        db=db,
        verifier=verifier,
        vault=vault,
        live=live,
        home=installation.home,
        base_url=settings.public_url,
        production=settings.production,
    )
    await vault.start()
    try:
        async with verifier.engine.connect() as connection:
            await refuse_drift(connection)
        await live.start()
        yield services
    finally:
        for thing in reversed(services.everything()):
            if isinstance(thing, LongLived):
                await thing.stop()
        await live.stop()
        await db.close()
        await verifier.close()
        await vault.stop()
