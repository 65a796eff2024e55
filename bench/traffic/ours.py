"""The gateway under test as it is shipped: `callmissed serve` on one core, with many workspaces and keys that have money."""

import asyncio
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.traffic.contenders import BODY, MODEL, until_it_answers
from bench.traffic.programs import GATEWAY_CORE, Target, pinned, request, written
from callmissed.app.installation import Installation
from callmissed.app.wiring import wired
from callmissed.billing import grant
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.identity import create_key
from tests.support.installation import free_port
from tests.support.people import workspace_of_someone

TENANTS, KEYS = int(os.environ.get("BENCH_TENANTS", "2000")), 5
"""So many workspaces with so many keys each: no hot key, no hot wallet."""

AT_ONCE = 8
PATH = "/v1/chat/completions"
UPSTREAM = f"""
[[upstream]]
name = "mock"
base_url = "http://127.0.0.1:{{port}}/v1"
region = "IN"
contract = "a benchmark"
[[upstream.model]]
id = "{MODEL}"
served_as = "{MODEL}"
price_in = "100"
price_out = "200"
context = 8000
longest_answer = 1000
"""


async def keys_with_money(installation: Installation) -> list[str]:
    """The secrets, each workspace's first before any workspace's second: whoever follows the list meets no key twice in a lap."""
    async with wired(installation) as services:
        made: list[list[str]] = []
        while len(made) < TENANTS:
            made += await asyncio.gather(
                *(_workspace(services) for _ in range(min(AT_ONCE, TENANTS - len(made))))
            )
    return [keys[n] for n in range(KEYS) for keys in made]


async def _workspace(services: Services) -> list[str]:
    owner = await workspace_of_someone(services, welcomed=False)
    async with services.db.tenant(owner) as tx:
        await grant(tx, rupees(100_000), "grant", uuid7())
        return [(await create_key(tx, f"program {n}")).secret for n in range(KEYS)]


@contextmanager
def serving(
    installation: Installation, folder: Path, upstream: int, keys: Sequence[str]
) -> Generator[Target]:
    """The server on its core, once it answers."""
    port, told = free_port(), folder / "upstreams.toml"
    told.write_text(UPSTREAM.format(port=upstream), encoding="utf-8")
    environment = {
        "CALLMISSED_HOME": str(installation.home),
        "CALLMISSED_PORT": str(port),
        "CALLMISSED_FIND_UPSTREAMS": "false",
        "CALLMISSED_UPSTREAMS_FILE": str(told),
        "CALLMISSED_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "callmissed.app.cli", "serve"]
    with pinned(GATEWAY_CORE, command, environment) as process:
        until_it_answers(f"http://127.0.0.1:{port}{PATH}", _bearer(keys[0]))
        streams: dict[str, object] = {**BODY, "stream": True}
        yield Target(
            port,
            written(folder / "plain", [request(PATH, BODY, _bearer(key)) for key in keys]),
            written(folder / "streamed", [request(PATH, streams, _bearer(key)) for key in keys]),
            psutil.Process(process.pid),
            len(keys),
        )


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}
