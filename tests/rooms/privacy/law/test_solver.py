"""The retention solver against an oracle that lives through every day."""

import random
from collections.abc import Sequence
from datetime import date, timedelta

from callmissed.privacy.law import Bound, Decision, decide
from callmissed.privacy.law.solver import END, ONE_DAY

FIRST = date(2027, 2, 20)
HORIZON, BEFORE = 60, 20
RULE_SETS = 100_000


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def lived_through(bounds: Sequence[Bound]) -> tuple[date | None, date | None]:
    """Day by day: hidden once any bound to delete owes it, erased on the first day from then on that nothing forbids.

    What was owed before the first day is done on it.
    """
    hidden: date | None = None
    for number in range(-BEFORE, HORIZON):
        today = day(number)
        in_force = [each for each in bounds if each.since <= today < each.until]
        if hidden is None and any(each.kind == "delete" and each.end < today for each in in_force):
            hidden = max(today, FIRST)
        if (
            today >= FIRST
            and hidden is not None
            and not any(each.kind == "keep" and today <= each.end for each in in_force)
        ):
            return hidden, today
    return hidden, None


def some_bounds(chance: random.Random) -> list[Bound]:
    """One to seven bounds whose days are close together, so that they meet in every way."""
    made: list[Bound] = []
    for number in range(chance.randint(1, 7)):
        since = day(chance.randint(-10, 40)) if chance.random() < 0.5 else date.min
        until = day(chance.randint(0, 50)) if chance.random() < 0.4 else date.max
        kind = "delete" if chance.random() < 0.4 else "keep"
        made.append(Bound(f"{kind}-{number}", kind, day(chance.randint(-5, 45)), since, until))
    return made


def test_the_solver_agrees_with_who_lives_through_every_day() -> None:
    chance = random.Random(20_270_513)
    sealed = never = 0
    for _ in range(RULE_SETS):
        bounds = some_bounds(chance)
        found = decide(bounds, FIRST)
        assert (found.hidden_on, found.erased_on) == lived_through(bounds), bounds
        sealed += found.sealed
        never += found.hidden_on is None
    assert sealed > RULE_SETS / 5
    assert RULE_SETS / 100 < never < RULE_SETS / 2


def test_those_who_decide_are_named() -> None:
    promise = Bound("keep.usage-logs", "delete", day(10))
    floor = Bound("dpdp.one-year", "keep", day(30), since=day(5))
    hold = Bound("hold", "keep", END, since=day(20), until=day(40))
    assert decide([promise]) == Decision(day(11), day(11), ("keep.usage-logs",), ())
    assert decide([promise, floor, hold]) == Decision(
        day(11), day(40), ("keep.usage-logs",), ("dpdp.one-year", "hold")
    )


def test_a_hold_without_an_end_in_sight_means_no_day() -> None:
    found = decide([Bound("promise", "delete", day(3)), Bound("hold", "keep", END, since=day(2))])
    assert (found.hidden_on, found.erased_on, found.sealed) == (day(4), None, True)


def test_law_that_comes_later_saves_nothing_that_is_already_due() -> None:
    promise = Bound("promise", "delete", day(3))
    assert decide([promise, Bound("law", "keep", day(50), since=day(5))]).erased_on == day(4)
    assert decide([promise, Bound("law", "keep", day(50), since=day(4))]).erased_on == day(51)


def test_what_nobody_has_to_delete_stays() -> None:
    assert decide([Bound("law", "keep", day(3))]) == Decision(None, None)
    assert decide([Bound("law", "delete", day(3), until=day(3) + ONE_DAY)]) == Decision(None, None)
