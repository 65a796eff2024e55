"""What a call needs at most, before anything is asked: the same figures are held in the wallet and told by a quote."""

from collections.abc import Iterable
from dataclasses import dataclass

from callmissed.gateway.catalogue import Model


@dataclass(frozen=True, slots=True)
class Estimate:
    """At most so many tokens read and written, for so many micro-rupees."""

    reading: int
    writing: int
    price_micro: int

    @property
    def tokens(self) -> int:
        """Read and written together."""
        return self.reading + self.writing


def estimate(model: Model, reading: int, writing: int) -> Estimate:
    """What one model needs for so many tokens."""
    return Estimate(reading, writing, max(1, model.price(reading, writing)))


def dearest(found: Iterable[Estimate]) -> Estimate:
    """The most that any of these can need: whoever answers is covered."""
    every = list(found)
    if not every[1:]:
        return every[0]
    return Estimate(
        max(each.reading for each in every),
        max(each.writing for each in every),
        max(each.price_micro for each in every),
    )
