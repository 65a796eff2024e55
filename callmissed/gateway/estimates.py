"""What a call needs at most, before anything is asked: the same figures are held in the wallet and told by a quote."""

from collections.abc import Iterable
from dataclasses import dataclass

from callmissed.gateway.catalogue import Model
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.tokens import most_tokens


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


def at_most(request: CompletionRequest, models: Iterable[Model]) -> Estimate:
    """The most that any of these models can need: whoever answers is covered."""
    extra = sum(len(bytes(value)) for value in request.extra.values())
    bytes_in = most_tokens(request.messages, extra)
    found = [_of(request, model, bytes_in) for model in models]
    if not found[1:]:
        return found[0]
    return Estimate(
        max(each.reading for each in found),
        max(each.writing for each in found),
        max(each.price_micro for each in found),
    )


def _of(request: CompletionRequest, model: Model, bytes_in: int) -> Estimate:
    reading = min(bytes_in, model.context)
    writing = min(request.max_tokens or model.longest_answer, model.longest_answer) * request.n
    return Estimate(reading, writing, max(1, model.price(reading, writing)))
