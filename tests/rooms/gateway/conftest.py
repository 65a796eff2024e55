"""The gateway as it is served: a real port, the official client, and a model server beside it."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
import uvicorn
from openai import AsyncOpenAI
from sqlalchemy import text

from callmissed.billing import grant, purse, reconcile
from callmissed.billing.views import Purse
from callmissed.foundation.http import Edge, EdgeLimits
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import PREFIXES, Surface, Upstreams, UpstreamSettings
from callmissed.identity import create_key
from tests.support.peer import Peer, running_peer
from tests.support.people import workspace_of_someone

BEHAVIOURS = (
    "good", "silent", "slowly", "crumbs", "hangs", "resets", "garbage", "error-inside", "short", "breaks", "ends-early",
    "stalls", "endless", "ponders", "nothing", "echo", "says", "400", "401", "429", "500", "503",
)  # fmt: skip
TERMS = """
[[upstream]]
name = "{name}"
base_url = "{base_url}"
region = "{region}"
contract = "{contract}"
api_key = "sk-upstream-secret-that-must-not-leak"
[upstream.timeouts]
connect = 0.5
first_byte = 0.7
idle = 0.7
total = 5
[upstream.limits]
breaker = false
"""
MODEL = """
[[upstream.model]]
id = "{name}/{served_as}"
served_as = "{served_as}"
price_in = "100"
price_out = "200"
context = 8000
longest_answer = 1000
"""


@pytest.fixture(scope="session")
async def peer() -> AsyncGenerator[Peer]:
    async with running_peer() as made:
        yield made


@pytest.fixture(scope="session")
async def upstreams(
    services: Services, peer: Peer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Upstreams]:
    """The local model; a peer in India under contract; one abroad; one without a contract; one that is down."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    kinds = {
        "peer": (peer.base_url, "IN", "written down", BEHAVIOURS),
        "abroad": (peer.base_url, "US", "written down", ("good",)),
        "unbound": (peer.base_url, "IN", "", ("good",)),
        "down": (nobody, "IN", "written down", ("good",)),
    }
    parts: list[str] = []
    for name, (base_url, region, contract, models) in kinds.items():
        parts.append(TERMS.format(name=name, base_url=base_url, region=region, contract=contract))
        parts += [MODEL.format(name=name, served_as=each) for each in models]
    file: Path = tmp_path_factory.mktemp("gateway") / "upstreams.toml"
    file.write_text("".join(parts))
    before = services.get(Upstreams)
    made = Upstreams(services.db, UpstreamSettings(file=file, look=False))
    await made.start()
    services.put(made)
    yield made
    await made.stop()
    services.put(before)


@pytest.fixture(scope="session")
async def base_url(services: Services, upstreams: Upstreams) -> AsyncGenerator[str]:
    """The surface behind the edge of the house, on a real port."""
    limits = EdgeLimits(
        frozenset({"127.0.0.1"}),
        body_limits=(*((each, 10_000_000) for each in PREFIXES), ("/v1/files", 21_000_000)),
        open_prefixes=PREFIXES,
    )
    config = uvicorn.Config(
        Edge(Surface(services), limits),
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_level="warning",
        loop="none",
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@dataclass
class Shop:
    """A tenant with a key and money."""

    services: Services
    access: Access
    key: str
    key_id: UUID

    @property
    def books(self) -> Access:
        """Who reads what was charged, also when the workspace is closed."""
        return Access.system(self.access.tenant_id, "verification")

    async def rows(self) -> list[dict[str, object]]:
        """Its usage records, oldest first."""
        async with self.services.db.tenant(self.books) as tx:
            rows = await tx.session.execute(text("SELECT * FROM usage_record ORDER BY at, id"))
            return [dict(row) for row in rows.mappings()]

    async def purse(self) -> Purse:
        async with self.services.db.tenant(self.books) as tx:
            return await purse(tx)

    async def adds_up(self) -> bool:
        async with self.services.db.tenant(self.books) as tx:
            return (await reconcile(tx)).adds_up


OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture(scope="session")
async def open_shop(services: Services) -> OpenShop:
    """`await open_shop("10")`: a tenant with so many rupees and a key that may ask models."""

    async def make(amount: str = "10", **options: object) -> Shop:
        access = await workspace_of_someone(services, welcomed=False)
        async with services.db.tenant(access) as tx:
            key = await create_key(tx, "test", **options)  # pyright: ignore[reportArgumentType] - keywords of a test
            if rupees(amount):
                await grant(tx, rupees(amount), "grant", uuid7())
        return Shop(services, access, key.secret, key.id)

    return make


ClientOf = Callable[[Shop | str], AsyncOpenAI]


@pytest.fixture
async def client_of(base_url: str) -> AsyncGenerator[ClientOf]:
    """The official client for a shop's key."""
    made: list[AsyncOpenAI] = []

    def make(shop: Shop | str) -> AsyncOpenAI:
        secret = shop.key if isinstance(shop, Shop) else shop
        made.append(AsyncOpenAI(base_url=f"{base_url}/v1", api_key=secret, max_retries=0, timeout=20))
        return made[-1]

    yield make
    for client in made:
        await client.close()
