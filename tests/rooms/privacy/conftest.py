"""One healthy installation for the tests of the promises."""

from collections.abc import AsyncGenerator, Generator

import pytest

from callmissed.app.installation import Installation
from callmissed.app.wiring import wired
from tests.rooms.privacy.house import OPERATOR, House, furnish
from tests.support.installation import temporary_installation


@pytest.fixture(scope="session")
def grounds() -> Generator[Installation]:
    """An installation whose operator is published."""
    with temporary_installation(**OPERATOR) as made:
        yield made


@pytest.fixture(scope="session")
async def house(grounds: Installation) -> AsyncGenerator[House]:
    """It, wired and lived in: it keeps every promise it can check."""
    async with wired(grounds) as services:
        yield await furnish(services, grounds)
