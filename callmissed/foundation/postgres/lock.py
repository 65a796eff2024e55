"""One process per home: a lock on a file, which the kernel lets go when its holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path

from callmissed.foundation.postgres.problems import AlreadyRunning, ServerFailed
from callmissed.foundation.postgres.process import is_alive

PATIENCE_SECONDS = 2.0

_held: set[int] = set()


def _let_go_in_child() -> None:
    # A forked child shares the lock, and would keep it after its parent was killed. Closing the child's copy of the
    # descriptor leaves the parent's lock alone. Programs that are executed never see it (descriptors close on exec).
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class HomeLock:
    """An exclusive lock on `path`, holding the process id of its holder as text."""

    def __init__(self, path: Path) -> None:
        """Takes nothing yet."""
        self._path = path
        self._descriptor: int | None = None

    def holder(self) -> int | None:
        """The living process that holds it; None when nobody does, or when we may not look."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if _locked(descriptor):
                return None
            named = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
        finally:
            os.close(descriptor)
        return int(named) if named.isdecimal() and is_alive(int(named)) else None

    def take(self) -> None:
        """Take it. Raises AlreadyRunning, which names the holder, or ServerFailed when it may not be opened."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError:
            raise ServerFailed(f"{self._path.parent} belongs to another user; start as that user.") from None
        until = time.monotonic() + PATIENCE_SECONDS
        while not _locked(descriptor):
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            # A holder that was killed may leave a forked child that is about to close its copy: a matter of moments.
            if time.monotonic() > until or (holder.isdecimal() and is_alive(int(holder))):
                os.close(descriptor)
                message = f"Process {holder or 'unknown'} already runs the database in {self._path.parent}."
                raise AlreadyRunning(f"{message} Stop it first, or use another home.", pid=holder)
            time.sleep(0.02)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        _held.add(descriptor)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. Does nothing when not held."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = None
