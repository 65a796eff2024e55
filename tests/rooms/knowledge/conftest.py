"""The demo firm's documents in a tenant of their own, shared by the tests that only read."""

from pathlib import Path

import pytest

import callmissed.app
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.knowledge import extract, store
from tests.support.make import Make

DOCUMENTS = Path(callmissed.app.__file__).parent / "demo" / "documents"


@pytest.fixture(scope="session")
async def firm(services: Services) -> Access:
    """The standing in a tenant that holds every document of the demo."""
    access = Make(services).access()
    extracted = [await extract(path.read_bytes(), path.name) for path in sorted(DOCUMENTS.glob("*.md"))]
    assert len(extracted) >= 6
    async with services.db.tenant(access) as tx:
        for each in extracted:
            await store(tx, each)
    return access
