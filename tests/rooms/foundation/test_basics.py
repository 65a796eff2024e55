"""Ids, clock and money."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.foundation import clock, money
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem


def test_ids_rise_even_within_a_millisecond() -> None:
    """Ten thousand in a row sort as they were made."""
    made = [uuid7() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {each.version for each in made} == {7}
    assert {each.variant for each in made} == {"specified in RFC 4122"}


def test_the_clock_travels_and_comes_back() -> None:
    """Inside the block it is later; after it, it is now again."""
    before = clock.now()
    with clock.travel(days=31):
        assert clock.now() - before >= timedelta(days=31)
    assert clock.now() - before < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("micro", "decimals", "text"),
    [
        (0, 2, "₹0.00"),
        (123_456_780_000, 2, "₹1,23,456.78"),
        (99_99_99_999_990_000, 2, "₹99,99,99,999.99"),
        (-42_000_000, 2, "−₹42.00"),
        (741, 4, "₹0.0007"),
        (1_000_000_000, 0, "₹1,000"),
        (5_000, 2, "₹0.00"),
        (15_000, 2, "₹0.02"),
    ],
)
def test_money_is_written_the_indian_way(micro: int, decimals: int, text: str) -> None:
    """Lakh and crore grouping, a true minus, half to even."""
    assert money.show(micro, decimals) == text


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_survives_writing_and_reading(micro: int) -> None:
    """Nothing is lost with six decimals."""
    written = money.show(micro, 6).replace("₹", "").replace(",", "").replace(money.MINUS, "-")
    assert money.rupees(written) == micro


@pytest.mark.parametrize("amount", ["1.2345678", "NaN", "Infinity"])
def test_money_refuses_what_is_no_amount(amount: str) -> None:
    """Too fine, or not a number."""
    with pytest.raises(ValueError, match="not an amount"):
        money.rupees(amount)


def test_a_problem_code_is_taken_once() -> None:
    """Two problems under one code would make the documentation lie."""
    with pytest.raises(TypeError, match="problem code 'not_found'"):

        class Copy(Problem):  # pyright: ignore[reportUnusedClass] the library's types say less than is true
            """A second meaning."""

            code = "not_found"


def test_every_problem_says_something_and_has_its_own_status() -> None:
    """The docstring is the message; a status of 500 is for our own faults."""
    for code, problem in Problem.catalogue.items():
        assert problem.default_message().endswith((".", "!", "?")), code
        assert 400 <= problem.status < 600


def test_ids_do_not_stay_in_the_future_when_the_clock_comes_back() -> None:
    """A clock that went far ahead and was set right must not leave ids, and the times in them, behind in the future."""
    with clock.travel(days=31):
        ahead = uuid7()
    again = [uuid7() for _ in range(100)]
    assert again[0] < ahead
    assert again == sorted(again)
    with clock.travel(seconds=-5):
        assert uuid7() > again[-1], "a small correction only waits"
