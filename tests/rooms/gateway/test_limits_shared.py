"""Rate limits that several processes share through Redis, and what becomes of them while it is away."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from callmissed.app.installation import Installation
from callmissed.foundation.ids import uuid7
from callmissed.gateway import Limiter, LocalLimiter, SharedLimiter
from callmissed.gateway.limits_shared import REST_SECONDS
from callmissed.identity import KeyLimits
from tests.rooms.gateway.conftest import OpenShop
from tests.support.installation import free_port
from tests.support.nodes import two_nodes
from tests.support.redis_server import redis_server


@pytest.fixture(scope="module")
async def redis_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@asynccontextmanager
async def two(url: str) -> AsyncGenerator[tuple[SharedLimiter, SharedLimiter]]:
    """Two processes' limiters."""
    one, other = SharedLimiter(url), SharedLimiter(url)
    try:
        yield one, other
    finally:
        await one.stop()
        await other.stop()


async def allowed(limiters: tuple[Limiter, ...], key: UUID, times: int, per_minute: int) -> int:
    """How many of so many requests, given to the limiters in turn, may go."""
    found = [await limiters[n % len(limiters)].request(key, per_minute) for n in range(times)]
    return sum(not each.wait for each in found)


async def test_requests_of_all_processes_count_together(redis_url: str) -> None:
    async with two(redis_url) as both:
        assert await allowed(both, uuid7(), 30, 10) == 10
    alone = (LocalLimiter(), LocalLimiter())
    assert await allowed(alone, uuid7(), 30, 10) == 20  # what would be without it


async def test_at_the_same_moment_no_more_than_the_limit_may_go(redis_url: str) -> None:
    async with two(redis_url) as both:

        async def at_once() -> int:
            key = uuid7()
            found = await asyncio.gather(*(both[n % 2].request(key, 20) for n in range(100)))
            return sum(not each.wait for each in found)

        may_go = await at_once()
        if any(each._rests_until for each in both):
            # The machine stood still, so Redis counted as away and each counted alone: that shows nothing of the two.
            await asyncio.sleep(REST_SECONDS)
            may_go = await at_once()
        assert may_go == 20


async def test_it_says_the_same_as_a_process_alone(redis_url: str) -> None:
    local = LocalLimiter()
    async with two(redis_url) as (shared, _):
        key = uuid7()
        for _ in range(6):
            assert await shared.request(key, 5) == await local.request(key, 5)
        for wanted in (30, 40, 30, 40):
            assert await shared.tokens(key, 100, wanted) == await local.tokens(key, 100, wanted)


async def test_tokens_that_were_not_needed_return_for_everybody(redis_url: str) -> None:
    async with two(redis_url) as (one, other):
        key = uuid7()
        assert not (await one.tokens(key, 1000, 900)).wait
        assert (await other.tokens(key, 1000, 500)).wait > 0
        one.give_back(key, 1000, 850)
        await asyncio.sleep(0.2)
        window = await other.tokens(key, 1000, 500)
        assert (window.wait, 400 < window.left < 500) == (0, True)
        other.give_back(key, 1000, -2000)  # used far more than was taken
        await asyncio.sleep(0.2)
        assert (await one.tokens(key, 1000, 1)).wait > 30


async def test_while_redis_is_away_each_limits_alone_and_returns_to_it(tmp_path: Path) -> None:
    port, key = free_port(), uuid7()
    async with two(f"redis://127.0.0.1:{port}/0") as both:
        async with redis_server(tmp_path, port):
            assert await allowed(both, key, 10, 4) == 4
        began = time.monotonic()
        assert await allowed(both, key, 10, 4) == 8
        assert time.monotonic() - began < 2
        await asyncio.sleep(REST_SECONDS + 0.1)
        async with redis_server(tmp_path, port):
            assert await allowed(both, uuid7(), 10, 4) == 4


async def test_a_redis_that_hangs_delays_once(tmp_path: Path) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    limiter = SharedLimiter(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    began = time.monotonic()
    assert await allowed((limiter,), uuid7(), 50, 20) == 20
    assert time.monotonic() - began < 2
    await limiter.stop()
    server.close()


async def test_two_servers_allow_a_key_what_one_would(
    redis_url: str, installation: Installation, open_shop: OpenShop
) -> None:
    shop = await open_shop("5", limits=KeyLimits(requests_per_minute=6))
    async with (
        two_nodes(installation, CALLMISSED_REDIS_URL=redis_url) as addresses,
        httpx.AsyncClient() as client,
    ):
        headers = {"authorization": f"Bearer {shop.key}"}
        codes = [
            (await client.get(f"{addresses[n % 2]}/v1/models", headers=headers)).status_code
            for n in range(14)
        ]
    assert 6 <= codes.count(200) <= 7  # the seventh is free after ten seconds
    assert set(codes) == {200, 429}
