"""Data keys under epoch keys: AES-256-GCM, bound to everything the row says about the key."""

import os
from dataclasses import replace
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callmissed.foundation.ids import uuid7
from callmissed.foundation.vault.repository import StoredKey

NONCE = 12


class WrongEpochKey(Exception):
    """The epoch key at hand did not wrap this data key; only ever seen inside the vault, which looks again."""


def fresh(epoch_key: bytes, tenant_id: UUID, person_id: UUID, retention_class: str, epoch: int) -> StoredKey:
    """A new random data key, wrapped."""
    row = StoredKey(uuid7(), tenant_id, person_id, retention_class, epoch, b"")
    return wrap(epoch_key, row, os.urandom(32))


def wrap(epoch_key: bytes, row: StoredKey, key: bytes) -> StoredKey:
    """The row with `key` wrapped by the epoch that it names."""
    nonce = os.urandom(NONCE)
    return replace(row, wrapped=nonce + AESGCM(epoch_key).encrypt(nonce, key, _label(row)))


def unwrap(epoch_key: bytes, row: StoredKey) -> bytes:
    """The data key itself. Raises WrongEpochKey when the epoch key, or anything in the row, differs."""
    try:
        return AESGCM(epoch_key).decrypt(row.wrapped[:NONCE], row.wrapped[NONCE:], _label(row))
    except InvalidTag as error:
        raise WrongEpochKey from error


def _label(row: StoredKey) -> bytes:
    return f"dek|{row.id}|{row.tenant_id}|{row.person_id}|{row.retention_class}|{row.epoch}".encode()
