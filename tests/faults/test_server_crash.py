"""kill -9 of the whole server under the load of its API: whoever has an answer finds it in the books, once."""

from random import Random
from uuid import uuid4

import pytest

from tests.support.server_crash import Books, Told, books, crash_under_load, sweep
from tests.support.up import temporary_up

pytestmark = [pytest.mark.faults, pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_three_kills_of_the_whole_server_lose_and_double_nothing() -> None:
    chance, told = Random(3), Told()
    with temporary_up() as up:
        up.start()
        for number in range(3):
            before = len(told.answered)
            await crash_under_load(up, told, chance.uniform(0.05, 0.8), everything=number == 1)
            assert not up.survivors(), "a database server outlived its parent"
            assert len(told.answered) > before
            up.start()
            found = await books(up)
            assert (found.lost(told), found.doubled, found.invented(told)) == (0, 0, 0)
            assert not found.wrong
            assert not set(found.held) & set(told.answered)
        swept = await sweep(up)
        assert not swept.held and not swept.wrong
        assert set(told.answered) <= set(swept.charged)


def test_books_that_lost_doubled_or_invented_are_seen() -> None:
    there, gone, nobodys = uuid4(), uuid4(), uuid4()
    told = Told(sent=2, answered=[there, gone])
    found = Books(
        [there, there, nobodys], [there, there], [there, nobodys], [], {"wrong_balances": 1, "wallets": 1}
    )
    assert (found.lost(told), found.doubled, found.invented(told)) == (2, 2, 2)
    assert found.wrong == {"wrong_balances": 1}
