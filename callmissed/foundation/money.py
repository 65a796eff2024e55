"""Money: integer micro-rupees in the ledger, paise on documents, shown with Indian grouping. 1 credit = ₹1."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import NewType

Micro = NewType("Micro", int)
"""Micro-rupees: one millionth of a rupee. Always an integer; never a float."""

RUPEE = Micro(1_000_000)
PAISA = Micro(10_000)
MINUS = "\N{MINUS SIGN}"


def rupees(amount: str | int | Decimal) -> Micro:
    """Read an amount in rupees, such as "1.25".

    Raises ValueError when it is not a finite number or finer than a micro-rupee.
    """
    value = Decimal(amount) * RUPEE
    if not value.is_finite() or value != value.to_integral_value():
        message = f"not an amount of money in whole micro-rupees: {amount}"
        raise ValueError(message)
    return Micro(int(value))


def micro(amount: int | None) -> Micro | None:
    """An amount as it was kept, in micro-rupees; None where there is none."""
    return None if amount is None else Micro(amount)


def group(whole: int) -> str:
    """Group digits the Indian way: 1234567 is "12,34,567"."""
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    pairs: list[str] = []
    while head:
        pairs.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*pairs, tail])


def show(amount: int, decimals: int = 2, *, sign: bool = False, down: bool = False) -> str:
    """Write micro-rupees for a reader: "₹1,23,456.78", with a true minus, and "+" only when asked for.

    Rounds half to even at `decimals` places; with `down` towards zero, for balances: what is not whole is not there.
    """
    quantum = Decimal(1).scaleb(-decimals)
    value = (Decimal(abs(amount)) / RUPEE).quantize(quantum, rounding=ROUND_DOWN if down else ROUND_HALF_EVEN)
    whole, _, fraction = f"{value:f}".partition(".")
    mark = MINUS if amount < 0 else "+" if sign and amount > 0 else ""
    return f"{mark}₹{group(int(whole))}" + (f".{fraction}" if fraction else "")
