"""What is sold by what: tokens, seconds heard, characters spoken, pictures, searches; and how many of each a price is for."""

from types import MappingProxyType
from typing import Literal

Unit = Literal["token", "second", "character", "image", "search"]

LOTS: MappingProxyType[Unit, int] = MappingProxyType(
    {"token": 1_000_000, "second": 3_600, "character": 10_000, "image": 1, "search": 1}
)
"""A price is for so many: 10 lakh tokens, an hour, 10,000 characters, one picture, one search."""


def price_of(unit: Unit, read: int, written: int, price_in: int, price_out: int) -> int:
    """Micro-rupees for so many read and written at these prices for a lot, a part of one rounded up."""
    return -(-(read * price_in + written * price_out) // LOTS[unit])
