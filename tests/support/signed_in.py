"""Browsers of people who are signed in, over ASGI in this process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import sessions


async def token_of(services: Services, access: Access) -> str:
    """A session of this person in this workspace."""
    assert access.actor.id
    async with services.db.control() as tx:
        return await sessions.open_session(tx, access.actor.id, access.tenant_id, "Firefox on Linux")


@asynccontextmanager
async def browser_of(app: ASGIApp, services: Services, access: Access) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser in which this person is signed in."""
    token = await token_of(services, access)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url=services.base_url,
        cookies={sessions.cookie_name(production=False): token},
        headers={"accept": "text/html"},
    ) as made:
        yield made
