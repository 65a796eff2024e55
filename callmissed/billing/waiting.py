"""What waits for the ledger: one thing to write for a request, what a tenant has waiting, and what became of it."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from callmissed.billing.budgets import EndUserBudget, KeyBudget
from callmissed.billing.usage import Usage

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between attempts to reach the database."""


@dataclass(eq=False, slots=True)
class Item:
    """One thing to write for a tenant, and who waits for it. `amount` in micro-rupees."""

    ref: UUID
    amount: int
    done: "asyncio.Future[int]"
    usage: Usage | None = None
    key: KeyBudget | None = None
    end_user: EndUserBudget | None = None

    @classmethod
    def of(cls, ref: UUID, amount: int, usage: Usage | None = None) -> "Item":
        """One that is waited for in the running loop."""
        return cls(ref, amount, asyncio.get_running_loop().create_future(), usage)

    def again(self) -> "Item":
        """The same, to be waited for once more."""
        once = Item.of(self.ref, self.amount, self.usage)
        once.key, once.end_user = self.key, self.end_user
        return once

    @property
    def line(self) -> dict[str, object]:
        """The item as the statements read it."""
        key_id = self.key.key_id if self.key else None
        line: dict[str, object] = {
            "ref": self.ref,
            "amount": self.amount,
            "usage": self.usage,
            "key_id": key_id,
        }
        if self.end_user is not None:
            line["end_user"] = self.end_user.tag
        return line

    @property
    def is_budgeted(self) -> bool:
        """Whether what its key or its end user may spend has to be looked at."""
        return self.end_user is not None or (self.key is not None and self.key.micro is not None)

    @property
    def is_done(self) -> bool:
        """Whether it was written, and its caller told so."""
        return self.done.done() and not self.done.cancelled() and self.done.exception() is None

    def answer(self, outcome: int | Exception) -> None:
        """Tell whoever still waits, after the commit."""
        if self.done.done():
            return
        if isinstance(outcome, Exception):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


@dataclass(slots=True)
class Batch:
    """What one tenant has waiting."""

    closes: list[Item] = field(default_factory=list[Item])
    reserves: list[Item] = field(default_factory=list[Item])

    def singly(self) -> list["Batch"]:
        """The same work, one item at a time."""
        return [
            *(Batch(closes=[item]) for item in self.closes),
            *(Batch(reserves=[item]) for item in self.reserves),
        ]


Outcomes = dict[Item, int | Exception]
