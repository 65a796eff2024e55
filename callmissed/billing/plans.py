"""Plans: how many requests a minute a key may make, how many calls a month, and how many may work in a workspace.

Money is in the wallet instead.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workspace may do. `requests_per_minute` is for each key, `calls` for all together in a month.

    `at_once` is how many calls may be under way in one process. `calls` and `seats` None mean as many as it likes.
    """

    name: str
    requests_per_minute: int
    at_once: int
    calls: int | None
    seats: int | None


PLANS: Final = {
    plan.name: plan
    for plan in (
        Plan("free", 60, 20, 100, 2),
        Plan("starter", 500, 100, 5_000, 5),
        Plan("pro", 3_000, 500, 50_000, 20),
        Plan("enterprise", 10_000, 2_000, None, None),
    )
}
DEFAULT_PLAN: Final = PLANS["starter"]


def plan_named(name: str) -> Plan:
    """The plan of this name; the usual one for a name that is none."""
    return PLANS.get(name, DEFAULT_PLAN)


def seats_of(plan: str) -> int | None:
    """How many may work in a workspace on this plan, None for as many as it likes."""
    return plan_named(plan).seats
