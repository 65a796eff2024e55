"""Two server processes on one database: what one of them changes about a key, the other obeys within a second."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator

import httpx
import pytest

from callmissed.app.installation import Installation
from callmissed.billing import grant
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.identity import create_key, revoke_key, rotation
from tests.support.nodes import node
from tests.support.people import workspace_of_someone

pytestmark = [pytest.mark.database, pytest.mark.faults]

ROUNDS = 8
MOST_SECONDS = 1.0


@pytest.fixture
async def second(installation: Installation) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of another process on the same databases."""
    async with node(installation) as address, httpx.AsyncClient(base_url=address, timeout=10) as client:
        yield client


async def status(client: httpx.AsyncClient, secret: str) -> tuple[int, str]:
    reply = await client.get("/v1/models", headers={"authorization": f"Bearer {secret}"})
    return reply.status_code, "" if reply.status_code == 200 else reply.json()["error"]["code"]


async def until(client: httpx.AsyncClient, secret: str, code: str, since: float) -> float:
    """Seconds from `since` until the last answer that was given before this refusal."""
    while True:
        asked = time.monotonic()
        found = await status(client, secret)
        if found[1] == code:
            return asked - since
        assert asked - since < 5, f"{found} instead of {code} after five seconds"
        await asyncio.sleep(0.005)


async def test_revocation_and_rotation_reach_the_other_process(
    second: httpx.AsyncClient, services: Services
) -> None:
    owner = await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        await grant(tx, rupees(5), "grant", uuid7())
    delays: dict[str, list[float]] = {"revoked": [], "rotated": [], "token": []}
    for _ in range(ROUNDS):
        async with services.db.tenant(owner) as tx:
            key, other = await create_key(tx, "a"), await create_key(tx, "b")
        for _ in range(20):
            assert await status(second, key.secret) == await status(second, other.secret) == (200, "")
        reply = await second.post("/v1/tokens", headers={"authorization": f"Bearer {key.secret}"})
        token = reply.json()["token"]
        assert await status(second, token) == (200, "")
        async with services.db.tenant(owner) as tx:
            newer = await rotation.rotate_key(tx, other.id, 0)
        delays["rotated"].append(await until(second, other.secret, "key_replaced", time.monotonic()))
        assert await status(second, newer.secret) == (200, "")
        async with services.db.tenant(owner) as tx:
            kept = await rotation.rotate_key(tx, other.id, 1)
        assert await status(second, newer.secret) == await status(second, kept.secret) == (200, "")
        async with services.db.tenant(owner) as tx:
            await revoke_key(tx, key.id)
        since = time.monotonic()
        both = await asyncio.gather(
            until(second, key.secret, "key_revoked", since), until(second, token, "key_revoked", since)
        )
        delays["revoked"].append(both[0])
        delays["token"].append(both[1])
    for name, measured in delays.items():
        sys.stdout.write(f"{name}: worst {max(measured) * 1000:.0f} ms of {len(measured)}\n")
        assert max(measured) < MOST_SECONDS
