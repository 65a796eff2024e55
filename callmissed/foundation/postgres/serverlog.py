"""The server's log: one file of bounded size, written by the server itself.

The server gets an open descriptor as its standard error. A pipe to our process would need a reader that never pauses,
and would break when our process dies first, just when the server has to shut down properly; PostgreSQL's own log
collector would cost a process. The descriptor appends, so the file can be copied and cut at any time while the server
runs.
"""

import os
import shutil
from pathlib import Path

LIMIT = 4_000_000
FULL = ("No space left on device", "Disk quota exceeded")


class ServerLog:
    """The file `server.log` and its one predecessor `server.log.1`, each at most about 4 MB."""

    def __init__(self, path: Path) -> None:
        """Opens nothing yet."""
        self.path = path
        self._mark = 0

    def open(self) -> int:
        """A descriptor for the server to append to; what it writes from here on is what `tail` shows."""
        self.trim()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._mark = os.fstat(descriptor).st_size
        return descriptor

    def trim(self) -> None:
        """Cut the file when it is over the limit, keeping a copy. A line written in between may be lost."""
        if self.path.exists() and self.path.stat().st_size > LIMIT:
            older = self.path.with_name(self.path.name + ".1")
            shutil.copyfile(self.path, older)
            older.chmod(0o600)
            os.truncate(self.path, 0)

    def tail(self, size: int = 4000) -> str:
        """The last `size` bytes that were written since the latest `open`."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            begin = self._mark if self._mark <= end else 0
            file.seek(max(begin, end - size))
            return file.read().decode(errors="replace")

    def tells_of_full_disk(self) -> bool:
        """Whether the server complained of a full disk (not of full shared memory, which reads alike)."""
        lines = self.tail().splitlines()
        return any(sign in line and "shared memory" not in line for line in lines for sign in FULL)

    def last_words(self) -> str:
        """The newest FATAL or PANIC line, else the newest line; no more than 300 characters."""
        lines = [line for line in self.tail().splitlines() if line.strip()]
        grave = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line]
        return (grave or lines or ["(no words)"])[-1][:300]
