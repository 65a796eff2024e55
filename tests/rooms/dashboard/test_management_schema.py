"""Schemathesis against the running API: no failure of ours, and no answer that the description does not know."""

import asyncio
from typing import Any

import httpx
import pytest
from schemathesis.core.failures import FailureGroup

from callmissed.foundation.services import Services
from callmissed.identity import GIVABLE
from tests.support.explored import explore
from tests.support.keys import key_of
from tests.support.people import workspace_of_someone

pytestmark = [pytest.mark.database, pytest.mark.slow]


async def document_of(base: str) -> dict[str, Any]:
    """The description, as the running API serves it."""
    async with httpx.AsyncClient(base_url=base) as client:
        return (await client.get("/api/v1/openapi.json")).json()


async def test_the_running_api_answers_only_what_it_says(live_services: Services, live_server: str) -> None:
    secret = await key_of(live_services, await workspace_of_someone(live_services), GIVABLE)
    document = await document_of(live_server)
    sent = await asyncio.to_thread(explore, live_server, document, secret)
    assert len(sent) == sum(len(operations) for operations in document["paths"].values())
    assert sum(sent.values()) > len(sent) * 3


async def test_an_answer_that_is_not_described_is_seen(live_services: Services, live_server: str) -> None:
    """The saboteur: a description that forgets what a route may answer."""
    secret = await key_of(live_services, await workspace_of_someone(live_services), [])
    document = await document_of(live_server)
    document["paths"] = {"/api/v1/wallet": document["paths"]["/api/v1/wallet"]}
    del document["paths"]["/api/v1/wallet"]["get"]["responses"]["403"]
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        await asyncio.to_thread(explore, live_server, document, secret)
