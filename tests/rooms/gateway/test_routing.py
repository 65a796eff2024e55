"""The rules of routing, proved for whatever may come: order, breaker, budget, pauses."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.gateway.routing import (
    LONGEST_PAUSE,
    PREFERENCES,
    Breaker,
    BreakerRule,
    Preference,
    RetryBudget,
    distinct,
    mean,
    ordered,
    pause,
)


@dataclass(frozen=True)
class Choice:
    order: int = 0
    weight: float = 1.0
    cost: int | None = None
    latency: float | None = None


choices = st.lists(
    st.builds(
        Choice,
        st.integers(0, 2),
        st.floats(0.01, 100),
        st.none() | st.integers(0, 1000),
        st.none() | st.floats(0, 60),
    ),
    max_size=8,
)
draws = st.lists(st.floats(0, 0.999), min_size=8, max_size=8)
RULE = BreakerRule(least=4, share=0.5, window=10, rest=5, longest_rest=40)


def drawing(numbers: list[float]) -> Callable[[], float]:
    left = list(numbers)
    return lambda: left.pop() if left else 0.5


@given(choices, st.sampled_from(PREFERENCES), draws)
def test_everybody_is_asked_once_and_lower_orders_first(
    given_: list[Choice], prefer: Preference, numbers: list[float]
) -> None:
    found = ordered(given_, prefer, drawing(numbers))
    assert Counter(found) == Counter(given_)
    assert [each.order for each in found] == sorted(each.order for each in given_)


@given(choices, draws)
def test_among_equals_the_cheaper_comes_first_and_the_unknown_last(given_: list[Choice], numbers) -> None:
    for order in range(3):
        costs = [each.cost for each in ordered(given_, "cost", drawing(numbers)) if each.order == order]
        known = [cost for cost in costs if cost is not None]
        assert costs == sorted(known) + [None] * (len(costs) - len(known))


@given(choices, draws)
def test_among_equals_the_unknown_is_tried_and_then_the_quicker(given_: list[Choice], numbers) -> None:
    for order in range(3):
        times = [each.latency for each in ordered(given_, "latency", drawing(numbers)) if each.order == order]
        known = [time for time in times if time is not None]
        assert times == [None] * (len(times) - len(known)) + sorted(known)


def test_weights_are_shares() -> None:
    light, heavy = Choice(weight=1), Choice(weight=3)
    even = [(n + 0.5) / 40 for n in range(40)]
    firsts = [ordered([light, heavy], "weight", drawing([b, a]))[0] for a in even for b in even]
    assert firsts.count(heavy) / len(firsts) == pytest.approx(0.75, abs=0.02)


@given(st.none() | st.floats(0, 60), st.floats(0, 60))
def test_a_mean_lies_between(before: float | None, newest: float) -> None:
    low, high = sorted((newest if before is None else before, newest))
    assert low - 1e-9 <= mean(before, newest) <= high + 1e-9


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_pause_has_an_end(attempt: int, draw: float) -> None:
    assert 0 <= pause(attempt, draw) <= LONGEST_PAUSE


@given(st.lists(st.booleans(), max_size=300))
def test_retries_stay_a_share_of_the_requests(wishes: list[bool]) -> None:
    budget, made = RetryBudget(0.1, 10), 0
    for n, wish in enumerate(wishes, 1):
        budget.earn()
        made += wish and budget.spend()
        assert made <= 10 + 0.1 * n


def test_a_budget_that_is_spent_grants_nothing() -> None:
    budget = RetryBudget(0.1, 2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    for _ in range(11):
        budget.earn()
    assert budget.spend()


def test_a_breaker_opens_rests_probes_and_closes() -> None:
    breaker = Breaker(RULE)
    for n in range(4):
        assert breaker.wait(n) == 0
        breaker.record(n, failed=n > 1)
    assert (breaker.wait(3), breaker.wait(7.5)) == (5, 0.5)
    assert breaker.wait(8) == 0
    assert breaker.wait(8.1) > 0, "one probe at a time"
    breaker.record(9, failed=True)
    assert breaker.wait(9) == 10, "the second rest is twice as long"
    assert breaker.wait(19) == 0
    breaker.record(19, failed=False)
    assert breaker.is_closed
    assert breaker.wait(19) == 0


def test_a_probe_that_tells_nothing_makes_room_for_the_next() -> None:
    breaker = Breaker(RULE)
    for _ in range(4):
        breaker.record(0, failed=True)
    assert breaker.wait(5) == 0
    breaker.abandon()
    assert breaker.wait(5) == 0


events = st.lists(st.tuples(st.floats(0, 8), st.booleans()), max_size=80)


@given(events)
def test_a_breaker_opens_only_for_enough_failures_and_always_recovers(
    happened: list[tuple[float, bool]],
) -> None:
    breaker, now, seen = Breaker(RULE), 0.0, list[tuple[float, bool]]()
    for gap, failed in happened:
        now += gap
        if breaker.wait(now):
            assert sum(bad for _, bad in seen) >= RULE.least * RULE.share
            continue
        seen.append((now, failed))
        breaker.record(now, failed=failed)
    later = now + RULE.longest_rest
    assert breaker.wait(later) == 0
    breaker.record(later, failed=False)
    assert breaker.is_closed


@given(st.lists(st.floats(0, 1000), max_size=100))
def test_a_breaker_that_sees_no_failure_stays_closed(gaps: list[float]) -> None:
    breaker, now = Breaker(RULE), 0.0
    for gap in gaps:
        now += gap
        breaker.record(now, failed=False)
        assert breaker.wait(now) == 0


def test_old_failures_are_forgotten() -> None:
    breaker = Breaker(RULE)
    for n in range(3):
        breaker.record(n, failed=True)
    breaker.record(30, failed=True)
    assert breaker.is_closed


def test_fallbacks_are_named_once_and_never_the_model_itself() -> None:
    assert distinct("a", ["b", "a", "c", "b"]) == ("b", "c")
