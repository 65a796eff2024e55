"""Keyed hashes: how sealed values are looked up, and how secrets and codes are kept.

A blind index is HMAC-SHA-256 of a normalised value, cut to 16 bytes, under a key derived (HKDF, RFC 5869) for one
tenant and one column: equal values there have equal tags, and nothing else can be told from them.
"""

import hmac
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TAG = 16


def blind_tag(index_key: bytes, label: str, value: str) -> bytes:
    """The 16-byte tag of a value under the key of this label. The caller normalises the value."""
    return keyed_hash(index_key, label, value)[:TAG]


def keyed_hash(key: bytes, label: str, value: str) -> bytes:
    """The 32-byte keyed hash of a value under the key of this label."""
    return hmac.digest(_subkey(key, label), value.encode(), sha256)


@lru_cache(maxsize=4096)
def _subkey(key: bytes, label: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"callmissed|{label}".encode()).derive(key)
