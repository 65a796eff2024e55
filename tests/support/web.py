"""The web application for tests, as it is served: over ASGI in this process, or on a real port with its worker."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.demo.seed import LINKS, seed_demo
from callmissed.app.installation import Installation
from callmissed.app.main import create_app
from callmissed.app.serving import listen, web_server
from callmissed.foundation.jobs import Worker
from callmissed.foundation.services import Services


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
async def live_server(services: Services, installation: Installation) -> AsyncGenerator[str]:
    """The application on a real port, with a worker beside it: its address."""
    server = web_server(services, installation)
    serving = asyncio.create_task(server.serve([listen(installation.settings)]))
    working = asyncio.create_task(Worker(installation.data_plane("cm_worker").psycopg, services).run())
    while not server.started:
        await asyncio.sleep(0.02)
    yield installation.settings.public_url
    working.cancel()
    server.should_exit = server.force_exit = True
    await asyncio.gather(serving, working, return_exceptions=True)


@pytest.fixture(scope="session")
async def demo(services: Services, live_server: str, installation: Installation) -> dict[str, Any]:
    """The seeded demo company on the live server: what `demo.json` says."""
    await seed_demo(services)
    links: dict[str, Any] = json.loads((installation.home / LINKS).read_text(encoding="utf-8"))
    assert links["base_url"] == live_server
    return links
