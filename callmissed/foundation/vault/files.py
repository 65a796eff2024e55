"""Files that hold keys: private, there whole or not at all, and really overwritten when they go."""

import os
import secrets
from pathlib import Path

from callmissed.foundation.vault.problems import KeyUnavailable


def exists_private(path: Path) -> bool:
    """Whether the file is there. Raises KeyUnavailable when others may read it."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if mode & 0o077:
        raise KeyUnavailable(unsafe=f"{path.name} is open to others; chmod 600 it")
    return True


def read_private(path: Path) -> bytes:
    """The bytes of a key file. Raises FileNotFoundError, and KeyUnavailable when others may read it."""
    exists_private(path)
    return path.read_bytes()


def write_new(path: Path, data: bytes) -> bool:
    """Write a file that must not exist yet, durably. False, and nothing changed, when it does."""
    make_directory(path.parent)
    scratch = _write_scratch(path, data)
    try:
        os.link(scratch, path)  # fails when the name is taken, unlike rename
    except FileExistsError:
        return False
    finally:
        scratch.unlink()
        sync_directory(path.parent)
    return True


def write_over(path: Path, data: bytes) -> None:
    """Replace a file's content, durably and in one step; the bytes it had are overwritten first to last afterwards."""
    make_directory(path.parent)
    scratch = _write_scratch(path, data)
    try:
        old = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        old = None
    scratch.rename(path)
    sync_directory(path.parent)
    if old is not None:
        _overwrite(old)


def destroy(path: Path) -> None:
    """Overwrite a file with random bytes, sync, and remove it. Nothing happens when it is gone already.

    Sound on a file system that writes in place. On flash, journals of data, snapshots and copy-on-write the old bytes
    may stay; they are ciphertext under the root, which `Keyring.renew_root` turns.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    _overwrite(descriptor)
    path.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _overwrite(descriptor: int) -> None:
    try:
        os.pwrite(descriptor, secrets.token_bytes(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_scratch(path: Path, data: bytes) -> Path:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return scratch


def make_directory(path: Path) -> None:
    """Make a directory for the owner only, and those above it, durably."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)
