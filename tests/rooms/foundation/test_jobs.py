"""Jobs and news: born in the transaction, run after it, lost with it when it fails."""

import asyncio
from uuid import UUID

import pytest

from callmissed.app.installation import Installation
from callmissed.foundation import events, jobs, live
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services

pytestmark = pytest.mark.database

ran: list[str] = []


@jobs.task("test.note", retries=0)
async def note(_: Services, **ids: str) -> None:
    """Remembers what it was given."""
    ran.append(ids["what"])


@jobs.task("test.hear", retries=0)
async def hear(_: Services, **ids: str) -> None:
    """Hears of an event."""
    ran.append(ids["tenant_id"])


async def run_due(services: Services, installation: Installation) -> None:
    """Run everything that is due."""
    await jobs.Worker(installation.data_plane("cm_worker").psycopg, services).run_due()


async def test_a_job_exists_only_with_its_transaction(services: Services, installation: Installation) -> None:
    """Rolled back: never runs. Committed: runs once."""
    kept, lost = str(uuid7()), str(uuid7())
    with pytest.raises(RuntimeError):
        async with services.db.control() as tx:
            await jobs.defer(tx, "test.note", what=lost)
            raise RuntimeError
    async with services.db.control() as tx:
        await jobs.defer(tx, "test.note", what=kept)
    await run_due(services, installation)
    await run_due(services, installation)
    assert ran.count(kept) == 1
    assert lost not in ran


async def test_an_undeclared_job_cannot_be_deferred(services: Services) -> None:
    """The mistake shows where it is made, not in the worker."""
    async with services.db.control() as tx:
        with pytest.raises(KeyError):
            await jobs.defer(tx, "test.unknown")


async def test_a_subscriber_runs_for_each_event(services: Services, installation: Installation) -> None:
    """One job per subscriber, with the event's ids."""
    tenant = uuid7()
    events.subscribe(events.Event, "test.hear")
    async with services.db.control() as tx:
        await events.publish(tx, events.Event(tenant))
    await run_due(services, installation)
    assert ran.count(str(tenant)) == 1


async def test_news_arrives_after_the_commit_and_never_without_it(services: Services) -> None:
    """A listener hears the committed change only, and only of its topic."""
    topic = f"topic:{uuid7()}"
    heard: list[live.Payload] = []

    async def listen() -> None:
        async for news in services.live.listen(topic):
            heard.append(news)

    listener = asyncio.create_task(listen())
    await asyncio.sleep(0.05)
    with pytest.raises(RuntimeError):
        async with services.db.control() as tx:
            await live.announce(tx, topic, {"id": "lost"})
            raise RuntimeError
    async with services.db.control() as tx:
        await live.announce(tx, "other", {"id": "elsewhere"})
        await live.announce(tx, topic, {"id": str(UUID(int=7))})
        await asyncio.sleep(0.1)
        assert heard == []
    await asyncio.sleep(0.3)
    listener.cancel()
    assert heard == [{"id": str(UUID(int=7))}]
