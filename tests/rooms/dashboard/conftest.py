"""A workspace with money, the browser of somebody who works in it, and requests as they are metered."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.billing import WELCOME_CREDIT, Ledger, Usage, grant
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import sessions
from tests.support.people import workspace_of_someone

NOW = timedelta()


@dataclass
class Office:
    """One workspace, seen by its owner."""

    services: Services
    access: Access
    browser: httpx.AsyncClient

    async def give(self, amount: str, kind: str = "grant") -> None:
        """Put so many rupees into its wallet."""
        async with self.services.db.tenant(self.access) as tx:
            await grant(tx, rupees(amount), kind, uuid7())

    async def spend(self, micro: int, *, ago: timedelta = NOW, **more: Any) -> UUID:
        """One request that cost so many micro-rupees. Returns its id."""
        milliseconds = int((clock.now() - ago).timestamp() * 1000)
        ref = UUID(int=milliseconds << 80 | uuid7().int & ((1 << 80) - 1))
        figures: dict[str, Any] = {
            "endpoint": "chat.completions", "model": "local/extractive", "upstream": "local", "region": "IN",
            "status": "ok", "http_status": 200, **more,
        }  # fmt: skip
        ledger = self.services.get(Ledger)
        await ledger.reserve(self.access.tenant_id, ref, max(1, micro))
        await ledger.settle(self.access.tenant_id, ref, micro, Usage(**figures))
        return ref

    async def page(self, address: str) -> str:
        """The page under this address, which has to be there."""
        reply = await self.browser.get(address)
        assert reply.status_code == 200, reply.text
        return reply.text


Open = Callable[[], Awaitable[Office]]


@pytest.fixture
async def opened(app: ASGIApp, services: Services, installation: Installation) -> AsyncGenerator[Open]:
    """`await opened()`: a workspace that nobody else has, with its welcome credit of ₹100, and its owner's browser."""
    browsers: list[httpx.AsyncClient] = []

    async def make() -> Office:
        access = await workspace_of_someone(services)
        assert access.actor.id
        async with services.db.tenant(access) as tx:  # as its job does, which may run beside the test or not
            await grant(tx, WELCOME_CREDIT, "welcome", access.tenant_id)
        async with services.db.control() as tx:
            token = await sessions.open_session(tx, access.actor.id, access.tenant_id, "a test")
        browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=installation.settings.public_url,
            headers={"accept": "text/html"},
            cookies={sessions.cookie_name(production=False): token},
        )
        browsers.append(browser)
        return Office(services, access, browser)

    yield make
    for browser in browsers:
        await browser.aclose()


@pytest.fixture
async def office(opened: Open) -> Office:
    """A workspace with its ₹100."""
    return await opened()
