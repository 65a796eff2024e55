"""One-time codes of an app: RFC 6238 with SHA-1, six digits, half a minute, as every such app knows them."""

import hmac
import secrets
from base64 import b32decode, b32encode
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS = 30
DIGITS = 6
HASH = SHA1()  # noqa: S303 - the one that every app knows; HMAC needs no resistance to collisions (RFC 6238 §1.2)
NEAR = 1
"""A code counts one half minute early or late: whoever types it needs time (RFC 6238 §5.2)."""

FAR = 5
"""Two minutes a device's clock may be off, and one half minute for typing."""


def new_secret() -> str:
    """160 random bits in Base32, as long as RFC 4226 §4 recommends."""
    return b32encode(secrets.token_bytes(20)).decode()


def step_of(moment: datetime) -> int:
    """The number of the half minute since 1970."""
    return int(moment.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """The code an app shows in this half minute (RFC 6238 §4, RFC 4226 §5.3)."""
    return HOTP(b32decode(secret), DIGITS, HASH).generate(step).decode()


def matching_step(secret: str, typed: str, around: int, reach: int) -> int | None:
    """The half minute, at most `reach` away, whose code this is; the nearest. Takes the same time whatever was typed."""
    near = sorted(range(around - reach, around + reach + 1), key=lambda step: abs(step - around))
    hits = [step for step in near if hmac.compare_digest(code_at(secret, step).encode(), typed.encode())]
    return hits[0] if hits else None


def address(secret: str, account: str, issuer: str) -> str:
    """What the QR code says: the otpauth address that apps read."""
    return TOTP(b32decode(secret), DIGITS, HASH, STEP_SECONDS).get_provisioning_uri(account, issuer)
