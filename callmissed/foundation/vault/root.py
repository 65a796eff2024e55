"""The root that works on any machine: a key file of mode 0600."""

import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callmissed.foundation.vault.files import exists_private, read_private, write_new, write_over
from callmissed.foundation.vault.problems import KeyUnavailable

ID = 8
NONCE = 12


class LocalRoot:
    """A root key in a file: one line per key, `<id> <key>` in hex, the last line wraps. Made on first use.

    Wrapped form: key id (8) | nonce (12) | AES-256-GCM ciphertext and tag; the label is the associated data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not exists_private(path):
            write_new(path, _line())
        self._keys = self._read()

    def wrap(self, key: bytes, label: str) -> bytes:
        """Encrypt a key under the newest root key, bound to its label."""
        self._keys = self._read()  # another process may have renewed the root
        newest = next(reversed(self._keys))
        nonce = secrets.token_bytes(NONCE)
        return newest + nonce + AESGCM(self._keys[newest]).encrypt(nonce, key, label.encode())

    def unwrap(self, wrapped: bytes, label: str) -> bytes:
        """The key again. Raises KeyUnavailable when no root key here made it, or for another label."""
        name, nonce, sealed = wrapped[:ID], wrapped[ID : ID + NONCE], wrapped[ID + NONCE :]
        if name not in self._keys:
            self._keys = self._read()
        try:
            return AESGCM(self._keys[name]).decrypt(nonce, sealed, label.encode())
        except (KeyError, InvalidTag, ValueError) as error:
            raise KeyUnavailable(label=label) from error

    def add(self) -> None:
        """Add a key that wraps from now on; the older ones still unwrap."""
        write_over(self.path, read_private(self.path) + _line())
        self._keys = self._read()

    def retire(self) -> None:
        """Destroy every key but the newest."""
        write_over(self.path, read_private(self.path).splitlines(keepends=True)[-1])
        self._keys = self._read()

    def _read(self) -> dict[bytes, bytes]:
        pairs = (line.split() for line in read_private(self.path).decode().splitlines())
        return {bytes.fromhex(name): bytes.fromhex(key) for name, key in pairs}


def _line() -> bytes:
    return f"{secrets.token_hex(ID)} {secrets.token_hex(32)}\n".encode()
