"""The form of an API key: `cm_`, 32 random characters, 6 characters of checksum, all base 62.

The prefix and the checksum let leak scanners recognise a key anywhere, and let a mistyped one be refused without asking
the database. 32 characters carry 190 random bits.
"""

import re
import secrets
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "cm_"
RANDOM = 32
CHECKSUM = 6
LENGTH = len(PREFIX) + RANDOM + CHECKSUM

_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}")


def mint() -> str:
    """A new secret."""
    body = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return body + checksum(body)


def checksum(body: str) -> str:
    """CRC-32 of everything before it, in base 62, padded to six characters."""
    left, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM):
        left, digit = divmod(left, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def well_formed(secret: str) -> bool:
    """Whether this can be a key of ours."""
    return _FORM.fullmatch(secret) is not None and checksum(secret[:-CHECKSUM]) == secret[-CHECKSUM:]


def shown(last_four: str) -> str:
    """A key as lists show it: enough to tell it apart, useless to anyone else."""
    return f"{PREFIX}…{last_four}"
