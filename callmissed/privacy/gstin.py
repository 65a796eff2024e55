"""GSTIN: the form and check character of an Indian goods and services tax number (CGST Rules 2017, Rule 10)."""

import re

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHAPE = re.compile(r"[0-3][0-9][A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]")


def check_character(first14: str) -> str:
    """The fifteenth character: a weighted sum modulo 36 over the first fourteen."""
    total = 0
    for place, character in enumerate(first14):
        product = ALPHABET.index(character) * (place % 2 + 1)
        total += product // 36 + product % 36
    return ALPHABET[(36 - total % 36) % 36]


def is_gstin(number: str) -> bool:
    """Whether a number has the form of a GSTIN and its check character is right."""
    return bool(SHAPE.fullmatch(number)) and number[14] == check_character(number[:14])
