"""Keyed hashes: how sealed values are looked up, and how secrets and codes are kept.

A blind index is HMAC-SHA-256 of a normalised value, cut to 16 bytes, under a key derived (HKDF, RFC 5869) for one
tenant and one column: equal values there have equal tags, and nothing else can be told from them.
"""

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TAG = 16


def blind_tag(subkey: bytes, value: str) -> bytes:
    """The 16-byte tag of a value. The caller normalises the value."""
    return keyed_hash(subkey, value)[:TAG]


def keyed_hash(subkey: bytes, value: str) -> bytes:
    """The 32-byte keyed hash of a value."""
    return hmac.digest(subkey, value.encode(), sha256)


def subkey_for(key: bytes, label: str) -> bytes:
    """The key of one label, derived from a tenant's index key or from the pepper."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"callmissed|{label}".encode()).derive(key)
