"""The catalogue: which models there are, what they cost, how much they read, until when. One file, shown as it is charged.

Prices are in rupees for 10 lakh tokens, which is the same number as micro-rupees for one token; speech is sold by the hour heard
and by 10,000 characters spoken, pictures one by one. A model has one price, whoever runs it; where several upstreams do, each is an
entry of its own here, with the same terms of sale.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args

from callmissed.billing import Unit, price_of
from callmissed.foundation.money import RUPEE, Micro, rupees

FILE = Path(__file__).with_name("catalogue.toml")
ABILITIES = ("stream", "tools", "json", "vision", "reasoning", "citations", "files", "web")
"""What a model can be said to do, in the order pages show it."""
Kind = Literal["chat", "embedding", "moderation", "transcription", "speech", "image", "search"]
"""What a model is for: it is asked at the addresses of its kind alone."""
SOLD_BY: dict[Kind, Unit] = {
    "transcription": "second",
    "speech": "character",
    "image": "image",
    "search": "search",
}
"""What is not sold by the token."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one upstream. `id` is what callers write; `served_as` is what the upstream calls it; `kind` is what it is for.

    `price_in` and `price_out` are micro-rupees for 10 lakh tokens, or for another lot where it is sold by something else (`LOTS`);
    `context` and `longest_answer` are in tokens, `context` of what is not sold by them in its unit. From
    `deprecated_on` callers are told; from `ends_on` it is refused, and `successor` named. `order`, `weight` and `cost` (what
    the upstream charges the operator for 10 lakh tokens read and written) choose between upstreams, and after `hedge_after` seconds
    without an answer the next one is asked beside this one; none of them is shown.
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
    abilities: tuple[str, ...] = ()
    deprecated_on: date | None = None
    ends_on: date | None = None
    successor: str = ""
    order: int = 0
    weight: float = 1.0
    cost: Micro | None = None
    hedge_after: float | None = None
    kind: Kind = "chat"

    @property
    def unit(self) -> Unit:
        """What it is sold by."""
        return SOLD_BY.get(self.kind, "token")

    def price(self, read: int, written: int = 0) -> int:
        """Micro-rupees for so many of its unit, a part of one rounded up."""
        return price_of(self.unit, read, written, self.price_in, self.price_out)

    @property
    def can(self) -> tuple[str, ...]:
        """What it can do, in the order pages show it: for a model that does not talk, what it is for."""
        return self.abilities if self.kind == "chat" else (self.kind,)

    @property
    def sale(self) -> dict[str, Any]:
        """The terms of sale: what a caller is told, the same at every upstream."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in BEHIND}


BEHIND = frozenset({"upstream", "served_as", "order", "weight", "cost", "hedge_after"})
"""What of a model concerns the upstream behind it alone."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries, and the terms for models that an upstream is found to have but no entry names."""

    version: str
    models: tuple[Model, ...]
    unlisted: Mapping[str, Mapping[str, Any]]


def read(path: Path = FILE) -> Catalogue:
    """Read a catalogue. Raises ValueError or KeyError, naming nothing secret, when it is wrong."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    models = tuple(model for entry in document.get("model", []) for model in models_of(entry))
    return Catalogue(str(document["version"]), models, document.get("unlisted", {}))


def digest(models: Iterable[Model]) -> str:
    """Eight hexadecimal digits that change whenever anything a caller is told about the models changes."""
    return sha256(repr([sorted(model.sale.items()) for model in models]).encode()).hexdigest()[:8]


def models_of(entry: Mapping[str, Any]) -> list[Model]:
    """One `[[model]]` of the file; its `upstream` names one or several that run it, the first one first."""
    named = entry["upstream"]
    upstreams: list[str] = [named] if isinstance(named, str) else list(named)
    return [
        model_of({"order": place, **entry, "upstream": upstream}) for place, upstream in enumerate(upstreams)
    ]


def model_of(entry: Mapping[str, Any]) -> Model:
    """A model at one upstream. Raises KeyError for a missing member and ValueError for one that cannot be."""
    kind = _kind(entry.get("kind", "chat"))
    written = (
        {} if kind == "chat" else {"price_out": "0", "longest_answer": 0}
    )  # the others write nothing that costs
    entry = {**written, **entry}
    model = Model(
        id=str(entry["id"]),
        upstream=str(entry["upstream"]),
        served_as=str(entry.get("served_as", entry["id"])),
        name=str(entry.get("name", entry["id"])),
        price_in=_price(entry["price_in"]),
        price_out=_price(entry["price_out"]),
        context=int(entry["context"]),
        longest_answer=int(entry["longest_answer"]),
        since=int(entry.get("since", 0)),
        abilities=_abilities(entry.get("abilities", ())),
        deprecated_on=_day(entry, "deprecated_on"),
        ends_on=_day(entry, "ends_on"),
        successor=str(entry.get("successor", "")),
        order=int(entry.get("order", 0)),
        weight=float(entry.get("weight", 1)),
        cost=_price(entry["cost"]) if "cost" in entry else None,
        hedge_after=float(entry["hedge_after"]) if "hedge_after" in entry else None,
        kind=kind,
    )
    if model.hedge_after is not None and not 0 < model.hedge_after < inf:
        raise ValueError("hedge_after is more than 0 seconds")
    if model.weight <= 0:
        raise ValueError("a weight must be more than 0")
    if model.ends_on and not model.successor:
        raise ValueError("a model that ends names its successor")
    return model


def _price(value: Any) -> Micro:
    price = rupees(str(value))
    if price < 0 or price > 1_000_000 * RUPEE:
        raise ValueError("a price must be between ₹0 and ₹10,00,000 for 10 lakh tokens")
    return price


def _kind(name: Any) -> Kind:
    if name not in get_args(Kind):
        raise ValueError(f"kinds of models are {', '.join(get_args(Kind))}")
    return name


def _abilities(names: Iterable[str]) -> tuple[str, ...]:
    wanted = set(names)
    if not wanted <= set(ABILITIES):
        raise ValueError(f"abilities are {', '.join(ABILITIES)}")
    return tuple(each for each in ABILITIES if each in wanted)


def _day(entry: Mapping[str, Any], name: str) -> date | None:
    value = entry.get(name)
    return value if value is None or type(value) is date else date.fromisoformat(str(value))
