"""The gate before an upstream: how many at once, who waits, who is turned away, and what counts as a failure."""

import asyncio

import pytest

from callmissed.gateway.problems import (
    UpstreamBroken,
    UpstreamCrowded,
    UpstreamPaused,
    UpstreamRejected,
)
from callmissed.gateway.routing import BreakerRule
from callmissed.gateway.upstreams import Gate, Limits

QUICK = BreakerRule(least=2, share=0.5, window=30, rest=30, longest_rest=60)


async def held(gate: Gate, until: asyncio.Event) -> str:
    async with gate:
        await until.wait()
    return "done"


async def test_so_many_at_once_so_many_wait_and_the_next_is_turned_away() -> None:
    gate, until = Gate(Limits(concurrency=2, queue=1, patience=5)), asyncio.Event()
    inside = [asyncio.create_task(held(gate, until)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(UpstreamCrowded) as caught:
        await held(gate, until)
    assert (caught.value.status, caught.value.retry_after) == (503, 1)
    until.set()
    assert await asyncio.gather(*inside) == ["done"] * 3
    assert await held(gate, until) == "done", "places come back"


async def test_who_waits_too_long_is_turned_away_and_leaves_no_trace() -> None:
    gate, until = Gate(Limits(concurrency=1, queue=1, patience=0.01)), asyncio.Event()
    inside = asyncio.create_task(held(gate, until))
    await asyncio.sleep(0)
    for _ in range(2):
        with pytest.raises(UpstreamCrowded):
            await held(gate, until)
    until.set()
    assert await inside == "done"
    assert await held(gate, until) == "done"


async def failing(gate: Gate, problem: BaseException) -> None:
    async with gate:
        raise problem


@pytest.mark.parametrize("place", [0, 1])
async def test_an_upstream_that_keeps_failing_is_left_alone(place: int) -> None:
    gate = Gate(Limits(concurrency=place, breaker=QUICK))
    for _ in range(2):
        with pytest.raises(UpstreamBroken):
            await failing(gate, UpstreamBroken())
    assert not gate.is_open
    for _ in range(2):  # and its places are not lost
        with pytest.raises(UpstreamPaused) as caught:
            await failing(gate, UpstreamBroken())
        assert 0 < (caught.value.retry_after or 0) <= 30


async def test_a_callers_mistake_and_a_reader_who_leaves_say_nothing_against_it() -> None:
    gate = Gate(Limits(breaker=QUICK))
    for problem in (UpstreamRejected(), asyncio.CancelledError(), GeneratorExit()) * 3:
        with pytest.raises(type(problem)):
            await failing(gate, problem)
    assert gate.is_open


async def test_it_may_be_asked_however_often_it_fails_when_the_operator_says_so() -> None:
    gate = Gate(Limits(breaker=None))
    for _ in range(30):
        with pytest.raises(UpstreamBroken):
            await failing(gate, UpstreamBroken())
