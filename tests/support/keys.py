"""Keys for a test, programs that call with one, and waiting until one is refused."""

import asyncio
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import KeyRing, create_key, repository
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


async def key_of(services: Services, access: Access, permissions: Collection[str]) -> str:
    """The secret of a key of this workspace that may do this."""
    async with services.db.tenant(access) as tx:
        made = await create_key(tx, "program")
        row = await repository.key(tx, made.id)
        assert row
        row.scopes = sorted(permissions)
    return made.secret


@asynccontextmanager
async def program_of(
    app: ASGIApp, services: Services, access: Access, permissions: Collection[str]
) -> AsyncGenerator[httpx.AsyncClient]:
    """A program that calls the management API with a key that may do this."""
    secret = await key_of(services, access, permissions)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url=f"{services.base_url}/api/v1",
        headers={"authorization": f"Bearer {secret}"},
    ) as made:
        yield made
