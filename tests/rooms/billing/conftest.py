"""A ledger of the installation under test, and wallets with money in them."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from callmissed.app.installation import Installation
from callmissed.billing import Ledger, grant
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access


@pytest.fixture
async def ledger(services: Services, installation: Installation) -> AsyncGenerator[Ledger]:
    """A writer of its own."""
    made = Ledger(installation.data_plane("cm_app").asyncpg)
    yield made
    await made.stop()


Rich = Callable[[str], Awaitable[Access]]


@pytest.fixture
def rich(services: Services) -> Rich:
    """`await rich("100")`: a tenant with so many rupees."""

    async def make(amount: str) -> Access:
        access = Access.system(uuid7())
        async with services.db.tenant(access) as tx:
            await grant(tx, rupees(amount), "grant", uuid7())
        return access

    return make
