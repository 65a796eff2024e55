"""GSTIN: the form and check character of an Indian goods and services tax number (CGST Rules 2017, Rule 10)."""

import re

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STATES = "0[1-9]|[12][0-9]|3[0-8]|97|99"
"""01 to 38, other territory, and the centre's own jurisdiction."""
SHAPE = re.compile(rf"(?:{STATES})[A-Z]{{5}}[0-9]{{4}}[A-Z][1-9A-Z]Z[0-9A-Z]")


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
