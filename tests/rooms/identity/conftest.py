"""What the tests of the ways in share."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.foundation.services import Services
from callmissed.identity import ways_in
from tests.support.providers import LyingProvider, lying_provider
from tests.support.visitors import at_browser


@pytest.fixture
async def visitor(app: ASGIApp, installation: Installation) -> AsyncGenerator[httpx.AsyncClient]:
    """One browser, without cookies."""
    async with at_browser(app, installation.settings.public_url) as made:
        yield made


@pytest.fixture
async def liar(services: Services) -> AsyncGenerator[LyingProvider]:
    """A fresh liar in the register, waited for a second."""
    async with lying_provider() as made:
        services.get(ways_in.Providers).offer(made.settings(seconds=1.0))
        yield made
