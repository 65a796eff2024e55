"""Schemathesis against the running API: no failure of ours, and no answer that the description does not know."""

import asyncio
import time
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from callmissed.foundation.services import Services
from callmissed.identity import GIVABLE
from tests.support.keys import key_of
from tests.support.people import workspace_of_someone

pytestmark = [pytest.mark.database, pytest.mark.slow]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 8
BOUND_SECONDS = 55


def explore(base: str, document: dict[str, Any], secret: str) -> dict[str, int]:
    """Send made-up requests to every operation; how many went where. Raises at the first answer that is not described."""
    sent: dict[str, int] = {}
    until = time.monotonic() + BOUND_SECONDS
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        sent[operation.label] = explore_one(operation, base, secret, until)
    return sent


def explore_one(operation: Any, base: str, secret: str, until: float) -> int:
    """The same for one operation."""
    sent = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal sent
        if time.monotonic() > until:
            return
        reply = case.call(base_url=base, headers={"Authorization": f"Bearer {secret}"}, timeout=20)
        sent += 1
        case.validate_response(reply, checks=CHECKS)

    ask()
    return sent


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
