"""Wiring: which objects this process runs with. The only place where adapters are chosen."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from callmissed import bots
from callmissed.app import rooms, tables
from callmissed.app.destinations import declare_destinations
from callmissed.app.installation import DataRole, Installation
from callmissed.app.main import create_app
from callmissed.app.probes import register_probes
from callmissed.app.settings import Settings, environment
from callmissed.billing import Ledger, Quotas
from callmissed.foundation import events
from callmissed.foundation.access_log import AccessLog
from callmissed.foundation.database import Database, refuse_drift
from callmissed.foundation.egress import EgressLog
from callmissed.foundation.live import LiveBus
from callmissed.foundation.mail import Postbox, declare_site
from callmissed.foundation.services import Services
from callmissed.gateway import (
    FAMILIES,
    USUAL_VARIABLES,
    Grounds,
    Limiter,
    LocalLimiter,
    OwnKeys,
    Places,
    SharedLimiter,
    Upstreams,
    UpstreamSettings,
    supplier_reports,
)
from callmissed.identity import (
    Callers,
    KeyRing,
    MemberLeft,
    Remainder,
    TenantCreated,
    sessions,
    staff,
    ways_in,
)
from callmissed.privacy import Facts, PolicyStart, Probes, sealed_store
from callmissed.site import LivingRecord, PublicRecord


@runtime_checkable
class Starting(Protocol):
    """An object of a room that must be started with the process."""

    async def start(self) -> None:
        """Begin."""
        ...


@runtime_checkable
class Stopping(Protocol):
    """An object of a room that must be stopped with the process."""

    async def stop(self) -> None:
        """Finish what is under way."""
        ...


@asynccontextmanager
async def wired(installation: Installation, role: DataRole = "cm_app") -> AsyncGenerator[Services]:
    """Everything the process needs, started; stopped in reverse order at the end of the block."""
    tables.load()
    rooms.load_tasks()
    subscribe()
    services = build(installation, role)
    register_probes(services.get(Probes), services, installation, create_app(services, installation.settings))
    await services.vault.start()
    try:
        async with services.verifier.engine.connect() as connection:
            await refuse_drift(connection)
        await services.live.start()
        for thing in services.everything():
            if isinstance(thing, Starting):
                await thing.start()
        yield services
    finally:
        for thing in reversed(services.everything()):
            if isinstance(thing, Stopping):
                await thing.stop()
        await services.live.stop()
        await services.db.close()
        await services.verifier.close()
        await services.vault.stop()


def subscribe() -> None:
    """Which job hears of which event: the only place where a lower room's news reaches a higher one."""
    events.subscribe(TenantCreated, "billing.welcome")
    events.subscribe(MemberLeft, "conversations.let_go")


def build(installation: Installation, role: DataRole) -> Services:
    """The services and what the rooms add to them; nothing is started."""
    settings = installation.settings
    declare_destinations(installation, role)
    plane = installation.data_plane(role)
    vault = installation.vault()
    db = Database(plane.sqlalchemy, vault)
    db.witness = staff.write_down
    services = Services(
        db=db,
        verifier=Database(installation.data_plane("cm_verifier").sqlalchemy, vault, pool_size=1),
        vault=vault,
        live=LiveBus(plane.psycopg),
        home=installation.home,
        base_url=settings.public_url,
        production=settings.production,
    )
    reader = sessions.SessionReader(db, production=settings.production)
    ring = KeyRing(db, services.live)
    services.authenticate = Callers(reader, ring).access
    services.put(reader)
    services.put(ring)
    services.put(ways_in.Providers.of(settings.oidc_file, production=settings.production))
    services.put(txt_records(settings), ways_in.TxtRecords)
    smtp = settings.smtp_url.get_secret_value() if settings.smtp_url else None
    declare_site(settings.public_url)
    host = urlsplit(settings.public_url).hostname or "localhost"
    services.put(Postbox.of(smtp, settings.mail_from, host, production=settings.production))
    services.put(AccessLog(db, FAMILIES))
    services.put(Ledger(plane.asyncpg))
    services.put(Quotas(db))
    services.put(limiter_of(settings), Limiter)
    services.put(Places())
    services.put(Upstreams(db, upstream_settings(settings)))
    services.put(supplier_reports.Reports(settings.upstreams_file))
    services.put(OwnKeys(db, services.live))
    services.put(Grounds(bots.sources_of))
    services.put(facts_of(settings))
    escrow = sealed_store.Escrow(services.get(Facts), custodians_of(settings))
    services.put(escrow)
    services.put(escrow, Remainder)
    services.put(Probes())
    services.put(EgressLog(db))
    services.put(PolicyStart(services))
    services.put(LivingRecord(services), PublicRecord)
    return services


def custodians_of(settings: Settings) -> sealed_store.Custodians:
    """Those the operator names; outside production two for demonstration where nobody is named."""
    named = sealed_store.Custodians.parse(settings.custodians)
    if named.people or settings.production:
        return named
    return sealed_store.Custodians.demonstration(settings.home / "keyring" / "custodians")


def txt_records(settings: Settings) -> ways_in.TxtRecords:
    """The world's domain records in production; on a laptop those of a file, because no domain leads there."""
    if settings.production:
        return ways_in.WorldTxtRecords()
    return ways_in.FileTxtRecords(settings.home / "dns.toml")


def limiter_of(settings: Settings) -> Limiter:
    """What counts requests and tokens: all processes together where there is a Redis, each alone where there is none."""
    if settings.redis_url is None:
        return LocalLimiter()
    return SharedLimiter(settings.redis_url.get_secret_value())


def facts_of(settings: Settings) -> Facts:
    """What the operator says about itself, for the policy."""
    return Facts(
        region=settings.region,
        hosting=settings.hosting,
        legal_name=settings.legal_name,
        registered_office=settings.registered_office,
        cin=settings.cin,
        gstin=settings.gstin,
        grievance_officer=settings.grievance_officer,
        grievance_email=settings.grievance_email,
        production=settings.production,
        law_applies=settings.conditions,
    )


def upstream_settings(settings: Settings) -> UpstreamSettings:
    """What the gateway may use: where we are, the operator's file, and what it may look for."""
    return UpstreamSettings(
        region=settings.region,
        india_only=settings.india_only,
        file=settings.upstreams_file,
        look=settings.find_upstreams,
        environment=environment(USUAL_VARIABLES) if settings.find_upstreams else {},
    )
