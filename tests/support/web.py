"""The web application for tests, as it is served: over ASGI in this process."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.app.main import create_app
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
