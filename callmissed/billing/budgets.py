"""Budgets: which of the requests that wait fit into the wallet, and into what their workspace, key and end user may spend in a month.

A month is one of the Indian calendar, and a request belongs to the month it was begun in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from callmissed.billing.problems import (
    BudgetExhausted,
    EndUserBudgetExhausted,
    KeyBudgetExhausted,
    WalletExhausted,
)
from callmissed.foundation import clock
from callmissed.foundation.problems import Problem


@dataclass(frozen=True, slots=True)
class KeyBudget:
    """The key a request came with, and the most it may spend in a month in micro-rupees; None: as much as there is."""

    key_id: UUID
    micro: int | None = None


@dataclass(frozen=True, slots=True)
class EndUserBudget:
    """A customer of the workspace for whom a request is made, by the tag of what the workspace calls them, and the most that
    may be spent for them in a month in micro-rupees.
    """

    tag: UUID
    micro: int


class Wanted(Protocol):
    """A request that waits for its hold, as far as this module looks at it."""

    ref: UUID
    amount: int
    key: KeyBudget | None
    end_user: EndUserBudget | None


@dataclass(frozen=True, slots=True)
class Room:
    """What a tenant can spend now, in micro-rupees: what its wallet has available, and what is left of its budget of the month."""

    available: int
    budget: int | None = None


W = TypeVar("W", bound=Wanted)


def month_of(ref: UUID) -> date:
    """The first day of the month in which a request was begun, by the time in its UUIDv7. The same as `cm.month`."""
    return datetime.fromtimestamp((ref.int >> 80) / 1000, UTC).astimezone(clock.IST).date().replace(day=1)


def first_that_fit(
    items: Sequence[W], room: Room, used: Mapping[tuple[UUID, date], int]
) -> tuple[list[W], dict[W, Exception]]:
    """Those that fit, first come first served, and why each of the others does not.

    `used` is what each key and end user has spent and holds in each month, in micro-rupees.
    """
    spent = dict(used)
    taken = 0
    fitting: list[W] = []
    refused: dict[W, Exception] = {}
    for item in items:
        places = _places(item)
        full = next((why for place, most, why in places if spent.get(place, 0) + item.amount > most), None)
        if full is not None:
            refused[item] = full()
        elif room.budget is not None and taken + item.amount > room.budget:
            refused[item] = BudgetExhausted()
        elif taken + item.amount > room.available:
            refused[item] = WalletExhausted()
        else:
            taken += item.amount
            fitting.append(item)
            for place, _, _ in places:
                spent[place] = spent.get(place, 0) + item.amount
    return fitting, refused


def _places(item: Wanted) -> list[tuple[tuple[UUID, date], int, type[Problem]]]:
    """Where a request is counted and limited: by whom in which month, the most, and what is said beyond it."""
    found: list[tuple[tuple[UUID, date], int, type[Problem]]] = []
    if item.key is not None and item.key.micro is not None:
        found.append(((item.key.key_id, month_of(item.ref)), item.key.micro, KeyBudgetExhausted))
    if item.end_user is not None:
        found.append(((item.end_user.tag, month_of(item.ref)), item.end_user.micro, EndUserBudgetExhausted))
    return found
