"""Data keys under epoch keys: AES-256-GCM, bound to everything the row says about the key.

    nonce (12) | ciphertext (32) | tag (16)

The associated data is "dek", then the ids of key, tenant and person (16 bytes each), the epoch (8 bytes, big-endian)
and the retention class.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callmissed.foundation.vault.repository import StoredKey

NONCE = 12


class WrongEpochKey(Exception):
    """The epoch key at hand did not wrap this data key; only ever seen inside the vault, which looks again."""


def wrap(epoch_cipher: AESGCM, row: StoredKey, epoch: int, key: bytes) -> bytes:
    """A data key wrapped for its row under that epoch."""
    nonce = os.urandom(NONCE)
    return nonce + epoch_cipher.encrypt(nonce, key, _label(row, epoch))


def unwrap(epoch_cipher: AESGCM, row: StoredKey) -> bytes:
    """The data key of a row. Raises WrongEpochKey when the epoch key, or anything in the row, differs."""
    try:
        return epoch_cipher.decrypt(row.wrapped[:NONCE], row.wrapped[NONCE:], _label(row, row.epoch))
    except InvalidTag as error:
        raise WrongEpochKey from error


def _label(row: StoredKey, epoch: int) -> bytes:
    ids = (row.id.bytes, row.tenant_id.bytes, row.person_id.bytes, epoch.to_bytes(8))
    return b"".join((b"dek", *ids, row.retention_class.encode()))
