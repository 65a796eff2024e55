"""The sealed form of a value, and what binds it to its place.

    version (1) | key id (16) | nonce (12) | ciphertext | tag (16)

AES-256-GCM (NIST SP 800-38D). The associated data is the first 17 bytes, then tenant, row and person (16 bytes each),
then "table.column": a blob moved to another tenant, row, person, table or column does not open.
"""

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import QueryableAttribute

from callmissed.foundation.vault.problems import Tampered

VERSION = b"\x01"
HEADER = 17
NONCE = 12
OVERHEAD = HEADER + NONCE + 16
"""Bytes a sealed value is longer than its plaintext."""

ColumnName = QueryableAttribute[Any] | str
"""A mapped attribute (`Message.body`), or "store.field" for a store that is no table."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """An unwrapped data key: its public id, whose it is, and the cipher made from it."""

    id: UUID
    tenant_id: UUID
    person_id: UUID
    retention_class: str
    cipher: AESGCM


@dataclass(frozen=True, slots=True)
class Box:
    """One person's data key of one retention class, ready to seal. Hold it for one transaction, not longer."""

    key: DataKey

    @property
    def key_id(self) -> UUID:
        """The id of the data key, as it stands in every blob sealed here and in erasure receipts."""
        return self.key.id

    def seal(self, column: ColumnName, row_id: UUID, plaintext: str | bytes) -> bytes:
        """Seal a value for this row and column."""
        data = plaintext.encode() if isinstance(plaintext, str) else plaintext
        header = VERSION + self.key.id.bytes
        nonce = os.urandom(NONCE)
        place = _place(header, self.key.tenant_id, column, row_id, self.key.person_id)
        return header + nonce + self.key.cipher.encrypt(nonce, data, place)


def key_id_of(blob: bytes) -> UUID:
    """The id of the data key a blob was sealed with. Raises Tampered when it is no blob of a known version."""
    if len(blob) < OVERHEAD or blob[:1] != VERSION:
        raise Tampered
    return UUID(bytes=bytes(blob[1:HEADER]))


def open_blob(key: DataKey, column: ColumnName, row_id: UUID, person_id: UUID, blob: bytes) -> bytes:
    """The plaintext of a blob in its place. Raises Tampered when place, key or bytes differ from when it was sealed."""
    nonce_ends = HEADER + NONCE
    place = _place(blob[:HEADER], key.tenant_id, column, row_id, person_id)
    try:
        return key.cipher.decrypt(blob[HEADER:nonce_ends], blob[nonce_ends:], place)
    except InvalidTag as error:
        raise Tampered from error


def column_label(column: ColumnName) -> str:
    """Name a mapped attribute "table.column"; a string of that form stays as it is. Raises ValueError otherwise."""
    if isinstance(column, str):
        if column.count(".") != 1:
            reason = f"a sealed place is called store.field, not {column!r}"
            raise ValueError(reason)
        return column
    return f"{column.class_.__tablename__}.{column.key}"


def _place(header: bytes, tenant_id: UUID, column: ColumnName, row_id: UUID, person_id: UUID) -> bytes:
    return b"".join((header, tenant_id.bytes, row_id.bytes, person_id.bytes, column_label(column).encode()))
