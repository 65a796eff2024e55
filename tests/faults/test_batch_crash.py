"""kill -9 of the whole server, or of its database, under a batch: every line is answered and charged exactly once."""

import time
from random import Random

import pytest

from callmissed.foundation.ids import uuid7
from tests.support import batch_crash
from tests.support.server_crash import books, sweep
from tests.support.up import temporary_up

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(300)]

LINES = 400
STILL_SECONDS = 30
"""The longest a batch may stand still once its server, or its database, is back."""


async def test_three_kills_under_a_batch_lose_and_double_no_line() -> None:
    chance = Random(11)
    with temporary_up() as up:
        up.start()
        since = uuid7()
        batch_id = await batch_crash.begin(up, LINES)
        for number in range(3):
            state, done = await batch_crash.progress(up, batch_id)
            state = await batch_crash.until_past(up, batch_id, done + chance.randrange(60))
            assert state == "in_progress", "it was over before it could be killed"
            up.kill(everything=number == 1)
            assert not up.survivors()
            up.start()
            _, done = await batch_crash.progress(up, batch_id)
            await batch_crash.until_past(up, batch_id, done, seconds=STILL_SECONDS)
        assert await batch_crash.until_past(up, batch_id, LINES, seconds=150) == "completed"
        told = await batch_crash.answers(up, batch_id)
        assert [each for each, _, _ in told] == [f"q{number}" for number in range(LINES)]
        assert [said for _, _, said in told] == [
            f"The AC service costs ₹{1000 + n}. [1]" for n in range(LINES)
        ]
        answered, paid = await batch_crash.charged(up, since)
        assert sorted(usage_id for _, usage_id, _ in told) == sorted(answered)
        assert sorted(answered) == sorted(paid)
        found = await sweep(up)
        assert not found.held and not found.wrong
        assert (await books(up)).doubled == 0


async def test_a_batch_goes_on_soon_after_its_database_was_killed() -> None:
    with temporary_up() as up:
        up.start()
        since = uuid7()
        batch_id = await batch_crash.begin(up, LINES)
        _, done = await batch_crash.progress(up, batch_id)
        assert await batch_crash.until_past(up, batch_id, done + 20) == "in_progress"
        _, done = await batch_crash.progress(up, batch_id)
        up.kill_database()
        await batch_crash.database_back(up)
        began = time.monotonic()
        await batch_crash.until_past(up, batch_id, done + 20, seconds=STILL_SECONDS)
        assert time.monotonic() - began < STILL_SECONDS
        assert await batch_crash.until_past(up, batch_id, LINES, seconds=150) == "completed"
        told = await batch_crash.answers(up, batch_id)
        assert [each for each, _, _ in told] == [f"q{number}" for number in range(LINES)]
        answered, paid = await batch_crash.charged(up, since)
        assert sorted(usage_id for _, usage_id, _ in told) == sorted(answered) == sorted(paid)
