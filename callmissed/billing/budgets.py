"""Budgets of keys: which of the requests that wait fit into the wallet and into what their keys may spend in a month.

A month is one of the Indian calendar, and a request belongs to the month it was begun in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from callmissed.billing.problems import KeyBudgetExhausted, WalletExhausted
from callmissed.foundation import clock


@dataclass(frozen=True, slots=True)
class KeyBudget:
    """The key a request came with, and the most it may spend in a month in micro-rupees; None: as much as there is."""

    key_id: UUID
    micro: int | None = None


class Wanted(Protocol):
    """A request that waits for its hold, as far as this module looks at it."""

    ref: UUID
    amount: int
    key: KeyBudget | None


W = TypeVar("W", bound=Wanted)


def month_of(ref: UUID) -> date:
    """The first day of the month in which a request was begun, by the time in its UUIDv7. The same as `cm.month`."""
    return datetime.fromtimestamp((ref.int >> 80) / 1000, UTC).astimezone(clock.IST).date().replace(day=1)


def first_that_fit(
    items: Sequence[W], left: int, used: Mapping[tuple[UUID, date], int]
) -> tuple[list[W], dict[W, Exception]]:
    """Those that fit, first come first served, and why each of the others does not.

    `left` is what the wallet has available, `used` what each key has spent and holds in each month; micro-rupees.
    """
    spent = dict(used)
    fitting: list[W] = []
    refused: dict[W, Exception] = {}
    for item in items:
        key = item.key
        place = (key.key_id, month_of(item.ref)) if key is not None and key.micro is not None else None
        if (
            key is not None
            and key.micro is not None
            and place
            and spent.get(place, 0) + item.amount > key.micro
        ):
            refused[item] = KeyBudgetExhausted()
        elif item.amount > left:
            refused[item] = WalletExhausted()
        else:
            left -= item.amount
            fitting.append(item)
            if place:
                spent[place] = spent.get(place, 0) + item.amount
    return fitting, refused
