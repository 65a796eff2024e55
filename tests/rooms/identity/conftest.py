"""What the tests of the ways in share."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from tests.support.visitors import at_browser


@pytest.fixture
async def visitor(app: ASGIApp, installation: Installation) -> AsyncGenerator[httpx.AsyncClient]:
    """One browser, without cookies."""
    async with at_browser(app, installation.settings.public_url) as made:
        yield made
