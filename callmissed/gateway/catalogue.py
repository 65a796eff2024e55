"""The catalogue: which models there are, what they cost, how much they read. One file, shown as it is charged.

Prices are in rupees for 10 lakh tokens, which is the same number as micro-rupees for one token.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from callmissed.foundation.money import RUPEE, Micro, rupees

FILE = Path(__file__).with_name("catalogue.toml")
TEN_LAKH = 1_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `id` is what callers write; `served_as` is what its upstream calls it.

    `price_in` and `price_out` are micro-rupees for 10 lakh tokens; `context` and `longest_answer` are in tokens.
    """

    id: str
    upstream: str
    served_as: str
    name: str
    price_in: Micro
    price_out: Micro
    context: int
    longest_answer: int
    since: int

    def price(self, tokens_in: int, tokens_out: int) -> int:
        """Micro-rupees for so many tokens, a part of one rounded up."""
        return -(-(tokens_in * self.price_in + tokens_out * self.price_out) // TEN_LAKH)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All models by id, and the terms for models that an upstream is found to have but no entry names."""

    models: Mapping[str, Model]
    unlisted: Mapping[str, Mapping[str, Any]]


def read(path: Path = FILE) -> Catalogue:
    """Read a catalogue. Raises ValueError or KeyError, naming nothing secret, when it is wrong."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    models = [model_of(each) for each in document.get("model", [])]
    return Catalogue({model.id: model for model in models}, document.get("unlisted", {}))


def model_of(entry: Mapping[str, Any]) -> Model:
    """One `[[model]]` of the file. Raises KeyError for a missing member and ValueError for a price that is none."""
    return Model(
        id=str(entry["id"]),
        upstream=str(entry["upstream"]),
        served_as=str(entry.get("served_as", entry["id"])),
        name=str(entry.get("name", entry["id"])),
        price_in=_price(entry["price_in"]),
        price_out=_price(entry["price_out"]),
        context=int(entry["context"]),
        longest_answer=int(entry["longest_answer"]),
        since=int(entry.get("since", 0)),
    )


def _price(value: Any) -> Micro:
    price = rupees(str(value))
    if price < 0 or price > 1_000_000 * RUPEE:
        raise ValueError("a price must be between ₹0 and ₹10,00,000 for 10 lakh tokens")
    return price
