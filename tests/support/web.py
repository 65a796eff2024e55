"""The web application for tests, as it is served: over ASGI in this process, or on a real port with its worker."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.demo.seed import LINKS, seed_demo
from callmissed.app.installation import Installation
from callmissed.app.main import create_app
from callmissed.app.serving import listen, web_server
from callmissed.app.wiring import wired
from callmissed.foundation.jobs import Worker
from callmissed.foundation.services import Services
from tests.support.installation import temporary_installation


@pytest.fixture(scope="session")
def app(services: Services, installation: Installation) -> ASGIApp:
    """The whole web application, as it is served."""
    return create_app(services, installation.settings)


@pytest.fixture
async def client(app: ASGIApp, installation: Installation) -> AsyncGenerator[httpx.AsyncClient]:
    """An HTTP client of the application, without a session."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=installation.settings.public_url) as made:
        yield made


@pytest.fixture(scope="session")
def live_installation() -> Generator[Installation]:
    """An installation of its own: its worker does what it finds, and would do it to other tests as well."""
    with temporary_installation() as made:
        yield made


@pytest.fixture(scope="session")
async def live_services(live_installation: Installation) -> AsyncGenerator[Services]:
    """The services of the live server."""
    async with wired(live_installation) as made:
        yield made


@pytest.fixture(scope="session")
async def live_server(live_services: Services, live_installation: Installation) -> AsyncGenerator[str]:
    """The application on a real port, with a worker beside it: its address."""
    server = web_server(live_services, live_installation)
    serving = asyncio.create_task(server.serve([listen(live_installation.settings)]))
    worker = Worker(live_installation.data_plane("cm_worker").psycopg, live_services)
    working = asyncio.create_task(worker.run())
    while not server.started:
        await asyncio.sleep(0.02)
    yield live_installation.settings.public_url
    working.cancel()
    server.should_exit = server.force_exit = True
    await asyncio.gather(serving, working, return_exceptions=True)


@pytest.fixture(scope="session")
async def demo(live_services: Services, live_server: str, live_installation: Installation) -> dict[str, Any]:
    """The seeded demo company on the live server: what `demo.json` says."""
    await seed_demo(live_services)
    links: dict[str, Any] = json.loads((live_installation.home / LINKS).read_text(encoding="utf-8"))
    assert links["base_url"] == live_server
    return links
