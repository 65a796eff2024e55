"""Ending things, measured between two servers under load: how long the second still answers what the first has ended.

Two processes of the real `serve` share one PostgreSQL; both are kept busy with completions and pages. Over HTTP the first is
told to revoke a key, to end a session, to close a workspace. At the second everything of it is in use meanwhile; what counts
is the time from the first's reply to the second's first refusal, or to the end of a stream that was open. Reference: the
median time in which the second answers an ordinary completion under the same load.
"""

import asyncio
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.figures import Figure, report
from callmissed.app.installation import Installation
from callmissed.app.wiring import wired
from callmissed.foundation.services import Services
from callmissed.identity import create_key
from tests.support.installation import temporary_installation
from tests.support.nodes import two_nodes, upstream_file
from tests.support.peer import running_peer
from tests.support.refusals import (
    HOME,
    Tenant,
    Watch,
    bearer,
    close_workspace,
    cookie,
    end_session,
    revoke_key,
    tenant_in_use,
    watching,
)

ROUNDS = 20
CALLERS, READERS = 4, 2
"""On each node: programs that ask for completions, browsers that look at a page."""

PAUSE_SECONDS = 0.05
"""Between two requests of one of them: the load has a bound, and what is measured is not the queue."""

KEYS = 60
"""Enough of them that no caller meets the rate limit of its key."""

TARGET_MS = 1000
QUESTION = {
    "model": "local/extractive",
    "messages": [{"role": "user", "content": "An AC service costs ₹499.\n\nHow much is an AC service?"}],
}
Act = Callable[[httpx.AsyncClient, Watch, Tenant], Awaitable[float]]
ACTS: dict[str, Act] = {
    "key revoked": revoke_key,
    "session ended": end_session,
    "workspace closed": close_workspace,
}


@dataclass
class Load:
    """What the load came to: answers by status, and how long completions took at each node, in milliseconds."""

    statuses: Counter[int] = field(default_factory=Counter[int])
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    began: float = field(default_factory=time.perf_counter)

    @property
    def a_second(self) -> float:
        """Requests a second, of both nodes together."""
        return self.statuses.total() / (time.perf_counter() - self.began)


@asynccontextmanager
async def under_load(services: Services, addresses: tuple[str, str]) -> AsyncGenerator[Load]:
    """Both nodes busy for as long as the block lasts."""
    tenant, load = await tenant_in_use(services), Load()
    async with services.db.tenant(tenant.firm.owner) as tx:
        secrets = [(await create_key(tx, f"load {n}")).secret for n in range(KEYS)]
    async with AsyncExitStack() as stack:
        tasks: list[asyncio.Task[None]] = []
        for address in addresses:
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=20))
            work = [_call(client, address, secrets[n::CALLERS], load) for n in range(CALLERS)]
            work += [_read(client, tenant, load) for _ in range(READERS)]
            tasks += [asyncio.create_task(each) for each in work]
        await asyncio.sleep(1)
        yield load
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), f"the load broke off: {ended!r}"


async def _call(client: httpx.AsyncClient, address: str, secrets: list[str], load: Load) -> None:
    number = 0
    while True:
        number += 1
        began = time.perf_counter()
        reply = await client.post(
            "/v1/chat/completions", json=QUESTION, headers=bearer(secrets[number % len(secrets)])
        )
        load.took[address].append((time.perf_counter() - began) * 1000)
        load.statuses[reply.status_code] += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def _read(client: httpx.AsyncClient, tenant: Tenant, load: Load) -> None:
    while True:
        reply = await client.get(HOME, headers=cookie(tenant.browser))
        load.statuses[reply.status_code] += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def measure(installation: Installation, folder: Path) -> list[Figure]:
    """All figures."""
    delays: dict[str, list[float]] = defaultdict(list)
    async with running_peer() as peer, wired(installation) as services:
        told = str(upstream_file(folder, peer.base_url))
        async with (
            two_nodes(installation, CALLMISSED_UPSTREAMS_FILE=told) as addresses,
            httpx.AsyncClient(base_url=addresses[0], timeout=20) as here,
            httpx.AsyncClient(base_url=addresses[1], timeout=20) as there,
            under_load(services, addresses) as load,
        ):
            for _ in range(ROUNDS):
                tenant = await tenant_in_use(services)
                for name, act in ACTS.items():
                    async with watching(there) as watch:
                        since = await act(here, watch, tenant)
                        for what, seconds in (await watch.after(since)).items():
                            delays[f"{name}: {what}"].append(seconds * 1000)
            reference, rate = statistics.median(load.took[addresses[1]]), load.a_second
    assert set(load.statuses) == {200}, f"the load was not answered: {load.statuses}"
    return [*_figures(delays, reference), Figure("the load on both nodes", rate, "req/s", better="higher")]


def _figures(delays: dict[str, list[float]], reference: float) -> list[Figure]:
    """The worst and the median of each, beside an ordinary answer."""
    return [
        Figure(
            f"{name}, {word}",
            round(value, 1),
            "ms",
            TARGET_MS,
            "lower",
            round(reference, 1),
            round(value / reference, 2),
        )
        for name, values in delays.items()
        for word, value in (("worst", max(values)), ("median", statistics.median(values)))
    ]


def main() -> None:
    """Measure and report."""
    with temporary_installation() as installation, tempfile.TemporaryDirectory() as folder:
        report("revocation", asyncio.run(measure(installation, Path(folder))))


if __name__ == "__main__":
    main()
