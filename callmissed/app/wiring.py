"""Wiring: which objects this process runs with. The only place where adapters are chosen."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from callmissed.app import rooms, tables
from callmissed.app.installation import DataRole, Installation
from callmissed.app.settings import Settings
from callmissed.foundation.database import Database, refuse_drift
from callmissed.foundation.live import LiveBus
from callmissed.foundation.mail import Postbox
from callmissed.foundation.services import Services
from callmissed.identity import KeyRing, sessions


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
        await _identity(services, settings)
        yield services
    finally:
        for thing in reversed(services.everything()):
            if isinstance(thing, LongLived):
                await thing.stop()
        await live.stop()
        await db.close()
        await verifier.close()
        await vault.stop()


async def _identity(services: Services, settings: Settings) -> None:
    """Who mail goes through, who a cookie belongs to, whom a key calls for."""
    smtp_url = settings.smtp_url.get_secret_value() if settings.smtp_url else None
    host = urlsplit(settings.public_url).hostname or "localhost"
    services.put(Postbox.of(smtp_url, settings.mail_from, host, production=settings.production))
    reader = sessions.SessionReader(services.db, production=settings.production)
    services.put(reader)
    services.authenticate = reader.access
    ring = KeyRing(services.db, services.live)
    await ring.start()
    services.put(ring)
