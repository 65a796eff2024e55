"""The keyring: a directory outside every database and every backup, with the keys that everything else hangs on.

    root.key                          the root, only for `LocalRoot`; mode 0600
    secret/<name>.key                 secrets of the installation (pepper, signing seed), wrapped by the root
    tenant/<id>/erased                that the tenant was erased: no key is made for it any more
    tenant/<id>/index.key             the tenant's key for blind indexes
    tenant/<id>/epoch-00000007.key    the tenant's epoch keys; more than one only while survivors are being re-wrapped

Epoch keys stand in files, one each, because a file can be overwritten and removed, while a row leaves copies in heap,
WAL and replicas. A file is written under another name, synced, and linked into place: there whole or not at all.
"""

import fcntl
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.datamap import Keep, declare_store, nothing
from callmissed.foundation.vault.files import (
    destroy,
    exists_private,
    make_directory,
    read_private,
    write_new,
    write_over,
)
from callmissed.foundation.vault.problems import KeyUnavailable
from callmissed.foundation.vault.root import LocalRoot

declare_store(
    "keyring",
    "file",
    {"keys": nothing("root, epoch and index keys of each tenant, and the installation's secrets")},
    Keep(until="the epoch turns, or the tenant is erased", promise="keep.active"),
)

GONE = "erased"
KEY = 32
"""Bytes in every symmetric key here (AES-256, HMAC-SHA-256, Ed25519 seed)."""


class Root(Protocol):
    """The top of the hierarchy: wraps and unwraps, and its own key never leaves it (`LocalRoot`, a key vault, an HSM).

    Called rarely: once per tenant, epoch and minute in each process.
    """

    def wrap(self, key: bytes, label: str) -> bytes:
        """Encrypt a key so that it opens under the same label only."""
        ...

    def unwrap(self, wrapped: bytes, label: str) -> bytes:
        """The key again. Raises KeyUnavailable when the label or the root differs."""
        ...


class Keyring:
    """The wrapped keys of one installation. Safe for several processes on the same directory."""

    def __init__(self, directory: Path, root: Root) -> None:
        make_directory(directory)
        self.directory = directory
        self.root = root

    @classmethod
    def local(cls, directory: Path) -> "Keyring":
        """A keyring with its root key in the same directory; made on first use.

        Raises KeyUnavailable when keys are there but the root is not: a new root could not open them.
        """
        path = directory / "root.key"
        if not path.exists() and any(directory.glob("*/**/*.key")):
            raise KeyUnavailable(missing="root.key")
        return cls(directory, LocalRoot(path))

    def secret(self, name: str) -> bytes:
        """A secret of the installation, made on first use: 32 random bytes."""
        return self._lasting(self.directory / "secret" / f"{name}.key", f"secret|{name}")

    def index_key(self, tenant_id: UUID) -> bytes:
        """The key all blind indexes of a tenant are derived from, made on first use."""
        return self._lasting(self._of(tenant_id) / "index.key", f"index|{tenant_id}")

    def tenants(self) -> list[UUID]:
        """Every tenant that has keys here."""
        return sorted(
            UUID(path.name) for path in (self.directory / "tenant").glob("*-*") if any(path.glob("*.key"))
        )

    def epochs(self, tenant_id: UUID) -> list[int]:
        """The numbers of the tenant's epochs, oldest first. The last one wraps new keys."""
        return sorted(
            int(path.stem.removeprefix("epoch-")) for path in self._of(tenant_id).glob("epoch-*.key")
        )

    def age(self, tenant_id: UUID) -> timedelta:
        """How long ago the tenant's newest epoch was begun; zero when it has none."""
        known = self.epochs(tenant_id)
        if not known:
            return timedelta(0)
        return timedelta(seconds=clock.now().timestamp() - self._epoch(tenant_id, known[-1]).stat().st_mtime)

    def begin_epoch(self, tenant_id: UUID, number: int) -> int:
        """Begin the epoch of this number and return it. When several processes begin it, all get the same one."""
        self._make(self._epoch(tenant_id, number), f"epoch|{tenant_id}|{number}")
        return number

    def epoch_key(self, tenant_id: UUID, number: int) -> bytes:
        """The key of an epoch. Raises KeyUnavailable when it has been destroyed."""
        try:
            wrapped = read_private(self._epoch(tenant_id, number))
        except FileNotFoundError as error:
            raise KeyUnavailable(epoch=number) from error
        return self.root.unwrap(wrapped, f"epoch|{tenant_id}|{number}")

    def end_epoch(self, tenant_id: UUID, number: int) -> None:
        """Destroy an epoch's key. What is still wrapped by it is lost, in every copy there ever was."""
        destroy(self._epoch(tenant_id, number))

    def forget(self, tenant_id: UUID) -> None:
        """Destroy all keys of a tenant, for good: none is ever made for it again, not even when a backup brings its rows back."""
        write_new(self._gone(tenant_id), b"")
        for number in self.epochs(tenant_id):
            self.end_epoch(tenant_id, number)
        destroy(self._of(tenant_id) / "index.key")

    def was_erased(self, tenant_id: UUID) -> bool:
        """Whether this tenant was erased. The mark stands here, apart from both databases and their backups."""
        return self._gone(tenant_id).exists()

    def renew_root(self) -> None:
        """Put a new key at the top of a local keyring and destroy the old one.

        Afterwards no leftover of an earlier file can be opened, even where the disk kept a copy of it (flash, journals,
        snapshots). May be repeated after a crash at any point.
        """
        if not isinstance(self.root, LocalRoot):
            reason = "this root turns its own key: use the key vault's rotation"
            raise TypeError(reason)
        with self._locked(fcntl.LOCK_EX):
            self.root.add()
            for path in sorted(self.directory.glob("*/**/*.key")):
                label = self._label(path)
                write_over(path, self.root.wrap(self.root.unwrap(read_private(path), label), label))
            self.root.retire()

    def _lasting(self, path: Path, label: str) -> bytes:
        if not exists_private(path):
            self._make(path, label)
        return self.root.unwrap(read_private(path), label)

    def _make(self, path: Path, label: str) -> None:
        if (path.parent / GONE).exists():
            raise KeyUnavailable(gone=label)
        with self._locked(fcntl.LOCK_SH):
            write_new(path, self.root.wrap(secrets.token_bytes(KEY), label))

    @contextmanager
    def _locked(self, how: int) -> Generator[None]:
        """Keep keys from being made under a root that is just being retired."""
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def _gone(self, tenant_id: UUID) -> Path:
        return self._of(tenant_id) / GONE

    def _of(self, tenant_id: UUID) -> Path:
        return self.directory / "tenant" / str(tenant_id)

    def _epoch(self, tenant_id: UUID, number: int) -> Path:
        return self._of(tenant_id) / f"epoch-{number:08d}.key"

    def _label(self, path: Path) -> str:
        if path.parent.name == "secret":
            return f"secret|{path.stem}"
        kind, _, number = path.stem.partition("-")
        return f"{kind}|{path.parent.name}" + (f"|{int(number)}" if number else "")
