"""Plans: how many requests a minute a key may make. Money is not part of a plan: it is in the wallet."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workspace may do. `requests_per_minute` is for each key."""

    name: str
    requests_per_minute: int


PLANS: Final = {
    plan.name: plan
    for plan in (Plan("free", 60), Plan("starter", 500), Plan("pro", 3_000), Plan("enterprise", 10_000))
}
DEFAULT_PLAN: Final = PLANS["starter"]
