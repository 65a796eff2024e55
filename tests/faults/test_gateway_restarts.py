"""The database server dies under pictures, searches, speech and transcripts, all on a budget: nothing is lost, nothing doubled."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from callmissed.app.installation import Installation
from callmissed.app.serving import listen, web_server
from callmissed.app.wiring import wired
from callmissed.billing import grant, reconcile
from callmissed.billing.tasks import release_orphans
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.jobs import Worker
from callmissed.foundation.money import rupees
from callmissed.foundation.postgres import Cluster
from callmissed.foundation.services import Services
from callmissed.identity import KeyLimits, create_key
from tests.rooms.gateway.searched import vendors
from tests.rooms.gateway.served import served, serving, upstream
from tests.rooms.gateway.test_audio import HEARS, SPEAKS
from tests.rooms.gateway.test_images import PICTURED
from tests.support.installation import temporary_installation
from tests.support.made_up import FORM_KIND, form
from tests.support.patience import until
from tests.support.people import workspace_of_someone
from tests.support.picture_peer import running_picture_peer
from tests.support.recordings import recording
from tests.support.search_peer import running_search_peer
from tests.support.sound_peer import running_sound_peer

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(120)]

JSON = "application/json"
CALLS: dict[str, tuple[str, bytes]] = {
    "/v1/images/generations": (JSON, b'{"model": "f/picture", "prompt": "A chai stall"}'),
    "/v1/search": (JSON, b'{"query": "Delhi to Pune", "provider": "searxng"}'),
    "/v1/audio/speech": (JSON, b'{"model": "f/voice", "input": "Namaste"}'),
    "/v1/audio/transcriptions": (FORM_KIND, form({"model": "f/ear"}, ("a.wav", recording()))),
    "/v1/embeddings": (JSON, b'{"model": "local/lexical", "input": "Namaste"}'),
}
BOOKS = text("""
SELECT (SELECT array_agg(id) FROM usage_record WHERE status = 'ok') AS used,
  (SELECT array_agg(ref) FROM ledger_entry WHERE kind = 'usage') AS charged,
  (SELECT array_agg(id) FROM usage_record WHERE price_micro > 0) AS priced,
  (SELECT count(*) FROM wallet_hold) AS held
""")


Running = tuple[Services, "asyncio.Task[None]"]
"""The services, and the worker at work."""


@pytest.fixture(scope="module")
def alone() -> Generator[Installation]:
    """An installation whose database server may die."""
    with temporary_installation() as made:
        yield made


@pytest.fixture(scope="module")
async def running(alone: Installation, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Running]:
    """It is served as in production, with a worker, a watch over its database server, and a supplier of each kind."""
    assert isinstance(alone.data, Cluster)
    async with (
        wired(alone) as services,
        running_sound_peer() as sounds,
        running_picture_peer() as maker,
        running_search_peer() as web,
    ):
        sounding = [served("f/ear", "ear", **HEARS), served("f/voice", "good-voice", **SPEAKS)]
        parts = (
            upstream("sounds", f"{sounds.address}/v1", sounding),
            upstream("paints", maker.base_url, [served("f/picture", "good", **PICTURED)]),
        )
        home: Path = tmp_path_factory.mktemp("restarts")
        server = web_server(services, alone)
        async with serving(services, home, *parts, vendors(web)):
            tasks = [
                asyncio.create_task(alone.data.watch(lambda _: None)),
                asyncio.create_task(Worker(alone.data_plane("cm_worker").psycopg, services).run()),
            ]
            served_by = asyncio.create_task(server.serve([listen(alone.settings)]))
            while not server.started:
                await asyncio.sleep(0.02)
            yield services, tasks[1]
            for task in tasks:
                task.cancel()
            server.should_exit = server.force_exit = True
            await asyncio.gather(served_by, *tasks, return_exceptions=True)


@dataclass
class Told:
    """What callers know."""

    sent: int = 0
    answered: list[UUID] = field(default_factory=list[UUID])
    refused: list[int] = field(default_factory=list[int])


async def calls(client: httpx.AsyncClient, address: str, told: Told, over: asyncio.Event) -> None:
    """Ask again and again. An answer counts once its last byte is here."""
    kind, body = CALLS[address]
    while not over.is_set():
        told.sent += 1
        try:
            answer = await client.post(address, content=body, headers={"content-type": kind})
        except httpx.RemoteProtocolError:  # speech that broke off after it began: its last byte is not here
            continue
        if answer.status_code == 200:
            told.answered.append(UUID(answer.headers["cm-usage-id"]))
        else:
            told.refused.append(answer.status_code)
            await asyncio.sleep(0.05)


async def test_a_database_that_dies_under_every_kind_of_call(alone: Installation, running: Running) -> None:
    ours, working = running
    access = await workspace_of_someone(ours, welcomed=False)
    async with ours.db.tenant(access) as tx:
        await grant(tx, rupees("10000"), "grant", uuid7())
        services = ["llm", "stt", "tts", "image", "search"]
        key = await create_key(
            tx, "program", permissions=services, limits=KeyLimits(monthly_budget=rupees("9000"))
        )
    told, over = Told(), asyncio.Event()
    headers = {"authorization": f"Bearer {key.secret}"}
    assert isinstance(alone.data, Cluster)
    async with httpx.AsyncClient(base_url=alone.settings.public_url, headers=headers, timeout=30) as client:
        asking = [asyncio.create_task(calls(client, address, told, over)) for address in CALLS]
        for _ in range(2):
            before = len(told.answered)
            await asyncio.sleep(0.7)
            alone.data.kill()

            async def answers_again(before: int = before) -> bool:
                return len(told.answered) > before + 2 * len(CALLS)

            assert await until(answers_again, 20)
        over.set()
        await asyncio.gather(*asking)
    assert not working.done(), "the worker died with the database"
    assert set(told.refused) <= {429, 503}, told.refused
    await look_at_the_books(ours, told)


async def look_at_the_books(ours: Services, told: Told) -> None:
    """Each answer is on record once and paid once, and once what was orphaned is given back nothing is held."""
    with clock.travel(hours=0.4):
        await release_orphans(ours)
    async with ours.verifier.control() as tx:
        row = (await tx.session.execute(BOOKS)).one()
        figures = (await reconcile(tx)).figures
    assert not {name: value for name, value in figures.items() if name.startswith("wrong_") and value}
    assert len(row.used) == len(set(row.used))
    assert len(row.charged) == len(set(row.charged))
    assert set(told.answered) <= set(row.used)
    assert set(row.priced) == set(row.charged)
    assert len(row.used) <= told.sent
    assert row.held == 0
