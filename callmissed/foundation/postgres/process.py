"""The server as a process: started as a direct child that dies with us, and found again when we died before it."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callmissed.foundation.postgres.account import Account

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _ending_with(parent: int) -> Callable[[], None]:
    """What the child does between fork and exec: ask the kernel for SIGINT when its parent dies.

    It runs after the change of user id, since that change clears the request. A parent that died before the request is
    noticed by its process id. Linux only: elsewhere a killed parent leaves the server, and the next start says so.
    """

    def ask() -> None:
        if _libc is not None:
            if _libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0) != 0:
                os._exit(120)
            if os.getppid() != parent:
                os._exit(121)

    return ask


def spawn(command: Sequence[str], account: Account, output: int) -> subprocess.Popen[bytes]:
    """Start `command` as `account`, writing to the descriptor `output`.

    Only from the main thread: the kernel sends the parent's-death signal when the *thread* that forked ends. Own
    session, so that Ctrl-C at the terminal reaches us alone and we stop the server in our order. The environment is
    made new: what is secret in ours is none of the server's business. Raises RuntimeError off the main thread, OSError.
    """
    if threading.current_thread() is not threading.main_thread():
        reason = "start the database server from the main thread: it would be stopped when this thread ends"
        raise RuntimeError(reason)
    with warnings.catch_warnings():
        # From Python 3.12 a fork beside other threads is warned of; what runs before exec here is safe beside them.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(  # noqa: S603 - our own program and arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            start_new_session=True,
            preexec_fn=_ending_with(os.getpid()),  # noqa: PLW1509 - it takes no lock and imports nothing
            **account.identity(),
        )


@dataclass(frozen=True)
class PidFile:
    """What a server writes about itself into `postmaster.pid`: status is starting, ready, stopping or standby."""

    pid: int
    started_at: int
    status: str

    @classmethod
    def read(cls, data: Path) -> "PidFile | None":
        """None while the file is absent or incomplete."""
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
            return cls(int(lines[0]), int(lines[2]), lines[7].strip() if len(lines) > 7 else "starting")
        except (OSError, ValueError, IndexError):
            return None


def is_alive(pid: int) -> bool:
    """Whether any process has that id, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def members(cluster_name: str, account: Account) -> list[int] | None:
    """The processes of one server: postmaster, backends and orphans. None where there is no /proc to ask.

    Told by the cluster's name, which is in the postmaster's arguments and in the title of each of its children. Their
    working directory would say it too, but a container's root may not read that of another user.
    """
    proc = Path("/proc/self/cmdline").exists() and Path("/proc")
    if not proc:
        return None
    argument, title = f"cluster_name={cluster_name}".encode(), f"postgres: {cluster_name}: ".encode()
    found: list[int] = []
    for entry in proc.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if entry.stat().st_uid == account.uid:
                line = (entry / "cmdline").read_bytes()
                if line.startswith(title) or argument in line.split(b"\0"):
                    found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return sorted(found)


def send(pids: Sequence[int], number: signal.Signals) -> None:
    """Signal each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def somebody_listens(path: Path) -> bool:
    """Whether a connection to the Unix socket at `path` is accepted."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # a full queue, or not for us to enter: somebody's in any case
        return True
