"""One healthy installation for the tests of the promises."""

from collections.abc import AsyncGenerator, Generator

import pytest

from callmissed.app.installation import Installation
from callmissed.app.wiring import wired
from tests.rooms.privacy.house import OPERATOR, House, furnish
from tests.support.installation import temporary_installation
from tests.support.mailbox import send_waiting


@pytest.fixture(scope="session")
def grounds() -> Generator[Installation]:
    """An installation whose operator is published."""
    with temporary_installation(**OPERATOR) as made:
        yield made


@pytest.fixture(scope="session")
async def lived_in(grounds: Installation) -> AsyncGenerator[House]:
    """It, wired and lived in."""
    async with wired(grounds) as services:
        yield await furnish(services, grounds)


@pytest.fixture
async def house(lived_in: House) -> House:
    """It, with no letter left lying (no worker runs here): it keeps every promise it can check, however slow the machine."""
    await send_waiting(lived_in.services)
    return lived_in
