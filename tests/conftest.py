"""Fixtures of the whole suite. One installation per test process; each test makes its own tenants, so nothing is shared."""

from collections.abc import AsyncGenerator, Generator

import pytest

from callmissed.app.installation import Installation
from callmissed.app.wiring import wired
from callmissed.foundation.services import Services
from tests.support.installation import temporary_installation
from tests.support.make import Make

pytest_plugins = ["tests.support.web", "tests.support.browser"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, so that `make check` can leave it out."""
    for item in items:
        if {"installation", "live_installation"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.database)


@pytest.fixture(scope="session")
def installation() -> Generator[Installation]:
    """A migrated installation on real PostgreSQL."""
    with temporary_installation() as made:
        yield made


@pytest.fixture(scope="session")
async def services(installation: Installation) -> AsyncGenerator[Services]:
    """The installation's services, wired as in production."""
    async with wired(installation) as made:
        yield made


@pytest.fixture
def make(services: Services) -> Make:
    """Factories: `await make.tenant(credits="500")`."""
    return Make(services)
