"""What waits for the ledger: one thing to write for a request, what a tenant has waiting, and what became of it."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from callmissed.billing.budgets import KeyBudget
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

    @classmethod
    def of(cls, ref: UUID, amount: int, usage: Usage | None = None) -> "Item":
        """One that is waited for in the running loop."""
        return cls(ref, amount, asyncio.get_running_loop().create_future(), usage)

    @property
    def line(self) -> dict[str, object]:
        """The item as the statements read it."""
        key_id = self.key.key_id if self.key else None
        return {"ref": self.ref, "amount": self.amount, "usage": self.usage, "key_id": key_id}

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
