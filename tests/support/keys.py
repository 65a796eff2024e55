"""Keys for a test, and waiting until one is refused."""

import asyncio
import time

import pytest

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import KeyRing, create_key
from callmissed.identity.service.keys import NewKey


async def make_key(services: Services, access: Access, **wishes) -> NewKey:
    async with services.db.tenant(access) as tx:
        return await create_key(tx, "ci", **wishes)


async def refused(ring: KeyRing, secret: str, problem: type[Exception]) -> float:
    """Seconds until this secret is refused so; a second at most."""
    began = time.monotonic()
    while time.monotonic() - began < 1:
        try:
            await ring.resolve(secret)
        except problem:
            return time.monotonic() - began
        await asyncio.sleep(0.01)
    pytest.fail(f"no {problem.__name__} after a second")
