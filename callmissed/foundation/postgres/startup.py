"""The steps that bring a server up, each waiting by yielding seconds, so that `start` and `watch` can share them."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from callmissed.foundation.postgres.binaries import Binaries
from callmissed.foundation.postgres.dsn import ADMIN, Progress
from callmissed.foundation.postgres.places import Place
from callmissed.foundation.postgres.problems import AlreadyRunning, DiskFull, ServerFailed, SocketTaken
from callmissed.foundation.postgres.process import PidFile, is_alive, members, send, somebody_listens, spawn
from callmissed.foundation.postgres.serverlog import ServerLog

START_SECONDS = 120.0  # a recovery after a crash reads up to max_wal_size of log
STOPPING_SECONDS = 60.0  # for a predecessor that says it is stopping
LIVING_SECONDS = 5.0  # for one that has not heard yet that its parent died
TELL_SECONDS = 2.0  # between two words on a start that takes its time
PAUSE = 0.02


def need_room(place: Place, room_bytes: int) -> None:
    """Raises DiskFull when less than `room_bytes` is free where the data is."""
    free = shutil.disk_usage(place.root).free
    if free < room_bytes:
        room = f"{free // 1_000_000} MB free; the database needs {room_bytes // 1_000_000} MB to start"
        raise DiskFull(
            f"The disk of {place.root} has {room}. Free some space and try again.", free_bytes=free
        )


def await_predecessor(place: Place, progress: Progress) -> Iterator[float]:
    """Wait for a server that an earlier process of ours left dying, and end the orphans of a killed postmaster.

    Called with the lock held. Raises AlreadyRunning for a server that shows no sign of ending; it is never killed.
    """
    began, told = time.monotonic(), False
    while found := members(place.cluster_name, place.account):
        record, waited = PidFile.read(place.data), time.monotonic() - began
        if record is None or record.pid not in found:  # the postmaster is gone: these serve nobody
            send(found, signal.SIGQUIT if waited < LIVING_SECONDS else signal.SIGKILL)
        elif waited > (STOPPING_SECONDS if record.status == "stopping" else LIVING_SECONDS):
            message = f"A database server (process {record.pid}) still runs on {place.data}. Stop it first."
            raise AlreadyRunning(message, pid=record.pid)
        if not told:
            progress("waiting for the previous database server to end")
            told = True
        yield PAUSE
    record = PidFile.read(place.data)
    if found is not None and record is not None and is_alive(record.pid):
        # The id now belongs to something else, as in a container, whose ids begin anew with each start.
        # PostgreSQL would take it for a running server and refuse.
        (place.data / "postmaster.pid").unlink(missing_ok=True)


def initialise(
    place: Place, binaries: Binaries, options: list[str], password: str, log: ServerLog
) -> Iterator[float]:
    """Make a data directory beside its final name, so that an interrupted one is never taken for data.

    Raises DiskFull, ServerFailed.
    """
    yield from _clear_abandoned(place)
    fresh, secret = place.root / f"data.new-{secrets.token_hex(3)}", place.root / ".password"
    fresh.mkdir(mode=0o700)
    place.account.own(fresh)
    secret.unlink(missing_ok=True)
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        place.account.own(file.fileno())
        file.write(password + "\n")
    command = [binaries.program("initdb"), "-D", str(fresh), "-U", ADMIN, f"--pwfile={secret}", *options]
    try:
        process = _run(command, place, log)
        try:
            while process.poll() is None:
                yield PAUSE
        finally:
            process.kill()
            process.wait()
    finally:
        secret.unlink(missing_ok=True)
    if process.returncode != 0:
        raise explain(place, log, process.returncode)
    fresh.rename(place.data)


def _clear_abandoned(place: Place) -> Iterator[float]:
    """Remove what interrupted set-ups left; again and again for a second, as one that was just killed may yet write."""
    for _ in range(50):
        abandoned = list(place.root.glob("data.new-*"))
        if not abandoned:
            return
        for directory in abandoned:
            shutil.rmtree(directory, ignore_errors=True)
        yield PAUSE


def free_socket(path: Path) -> None:
    """Remove what a crash left at the socket's path. Raises SocketTaken for anything else that is there."""
    if not path.exists():
        return
    if not path.is_socket() or somebody_listens(path):
        raise SocketTaken(f"{path} is in use by something else. Stop that, or use another home.")
    path.unlink()
    path.with_name(path.name + ".lock").unlink(missing_ok=True)


def launch(
    place: Place, binaries: Binaries, settings: Mapping[str, str], log: ServerLog
) -> subprocess.Popen[bytes]:
    """Start the postmaster as our direct child. Raises ServerFailed, RuntimeError off the main thread."""
    command = [binaries.program("postgres"), "-D", str(place.data)]
    for key, value in {**settings, "cluster_name": place.cluster_name}.items():
        command += ["-c", f"{key}={value}"]
    return _run(command, place, log)


def await_ready(
    place: Place, process: subprocess.Popen[bytes], log: ServerLog, progress: Progress
) -> Iterator[float]:
    """Wait until it accepts connections. Raises ServerFailed, DiskFull."""
    # house: clock compared with another program's own time stamp
    began, spawned_at, told = time.monotonic(), time.time(), 0.0
    while not _is_ready(PidFile.read(place.data), process.pid, spawned_at):
        if process.poll() is not None:
            raise explain(place, log, process.returncode)
        waited = time.monotonic() - began
        if waited > START_SECONDS:
            process.send_signal(signal.SIGINT)
            raise ServerFailed(f"The database server was not ready after {waited:.0f} s. See {log.path}.")
        if waited - told >= TELL_SECONDS:
            told = waited
            progress(f"the database server is starting or recovering, {waited:.0f} s")
        yield PAUSE


def explain(place: Place, log: ServerLog, code: int | None) -> DiskFull | ServerFailed:
    """Why the server or its set-up ended with that exit code (negative for a signal), from its own last words."""
    if log.tells_of_full_disk():
        free = shutil.disk_usage(place.root).free
        room = f"({free // 1_000_000} MB free)"
        return DiskFull(
            f"The disk of {place.root} is full {room}. Free some space; nothing was lost.", free_bytes=free
        )
    ended = f"signal {-code}" if code is not None and code < 0 else f"code {code}"
    return ServerFailed(f"The database server ended with {ended}. Its last words: {log.last_words()}")


def _is_ready(record: PidFile | None, pid: int, spawned_at: float) -> bool:
    # The time is compared too: a killed server's file may name the very id its successor got.
    return (
        record is not None
        and record.pid == pid
        and record.started_at >= spawned_at - 2
        and record.status == "ready"
    )


def _run(command: list[str], place: Place, log: ServerLog) -> subprocess.Popen[bytes]:
    output = log.open()
    try:
        return spawn(command, place.account, output)
    except OSError as error:  # as in a container that may not change user ids
        message = f"{command[0]} could not be started as {place.account.name!r}: {error.strerror}."
        raise ServerFailed(message) from None
    finally:
        os.close(output)
