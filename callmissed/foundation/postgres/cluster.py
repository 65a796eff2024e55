"""One PostgreSQL server of our own: one data directory, one postmaster, our direct child."""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from callmissed.foundation.postgres.binaries import Binaries, find_binaries
from callmissed.foundation.postgres.credentials import Credentials
from callmissed.foundation.postgres.dsn import ADMIN, Dsn, socket_file
from callmissed.foundation.postgres.lock import HomeLock
from callmissed.foundation.postgres.places import Place, find_place, make_folder, settle
from callmissed.foundation.problems import Problem
from callmissed.foundation.postgres.problems import (
    AlreadyRunning,
    CredentialsMissing,
    DiskFull,
    ServerFailed,
    SocketTaken,
)
from callmissed.foundation.postgres.process import PidFile, is_alive, members, send, somebody_listens, spawn
from callmissed.foundation.postgres.serverlog import ServerLog
from callmissed.foundation.postgres.tuning import Memory, initdb_options, server_settings

Progress = Callable[[str], None]

LOGINS: dict[Memory, tuple[str, ...]] = {
    "data": (ADMIN, "cm_app", "cm_worker", "cm_verifier"),
    "keys": (ADMIN, "cm_keys"),
}
START_SECONDS = 120.0  # a recovery after a crash reads up to max_wal_size of log
STOP_SECONDS = 30.0
STOPPING_SECONDS = 60.0  # for a predecessor that says it is stopping
LIVING_SECONDS = 5.0  # for one that has not heard yet that its parent died
PAUSE = 0.02
WATCH_PAUSE = 0.25
ROOM_BYTES = 200_000_000

_log = logging.getLogger(__name__)


class Cluster:
    """A PostgreSQL server under our care: reached over a Unix socket only, with a password for every role.

    `start` from the main thread (see `process.spawn`). The server ends when this process ends, even by kill
    -9; the next start waits for one that is still ending, and recovers what a crash left. `watch` brings it
    back when it dies alone.
    """

    def __init__(
        self,
        home: Path,
        name: str,
        *,
        memory: Memory,
        settings: Mapping[str, str] | None = None,
        binaries: Binaries | None = None,
        room_bytes: int = ROOM_BYTES,
    ) -> None:
        """Starts nothing. `settings` are server parameters over ours; `room_bytes` must be free on the disk
        to start.
        """
        self._home = home
        self._name = name
        self._memory: Memory = memory
        self._settings = dict(settings or {})
        self._binaries = binaries
        self._room_bytes = room_bytes
        self._lock = HomeLock(home.resolve() / name / "lock")
        self._log = ServerLog(home.resolve() / name / "server.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def __repr__(self) -> str:
        return f"Cluster({str(self._home)!r}, {self._name!r}, pid={self.pid})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs under this object."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def place(self) -> Place:
        """Where data and socket are. Raises ServerFailed before the first start."""
        found = find_place(self._home, self._name)
        if found is None:
            raise ServerFailed(f"No database was ever started in {self._home / self._name}.")
        return found

    @property
    def serving(self) -> bool:
        """Whether a server answers here, ours or that of another process: for commands that join a running
        one.
        """
        found = find_place(self._home, self._name)
        if found is None or not (found.folder / "credentials.json").exists():
            return False
        return somebody_listens(socket_file(found.socket_directory(Credentials.load(found.folder).token)))

    def dsn(self, role: str, database: str) -> Dsn:
        """A login as `role` to `database`. Raises CredentialsMissing, ServerFailed, LookupError for an
        unknown role.
        """
        place = self.place
        credentials = Credentials.load(place.folder)
        directory = place.socket_directory(credentials.token)
        return Dsn(role, database, str(directory), password=credentials.password(role))

    def password(self, role: str) -> str:
        """The password of one of the roles that sign in to this server. Raises LookupError,
        CredentialsMissing.
        """
        return Credentials.load(self.place.folder).password(role)

    def start(self, progress: Progress | None = None) -> None:
        """Bring the server up; returns when it accepts connections. Does nothing when it is up.

        `progress` is told in a few words what takes time. Raises AlreadyRunning, DiskFull,
        PostgresUnavailable, WrongVersion, CredentialsMissing, SocketTaken, NoServerAccount, ServerFailed.
        """
        if self.pid is not None:
            return
        for pause in self._start(progress or _log.info):
            time.sleep(pause)

    def stop(self) -> None:
        """Shut the server down: connections are ended, everything is on disk. Does nothing when it is
        down.
        """
        self._stopping = True
        process, self._process = self._process, None
        if process is not None:
            for number, seconds in (
                (signal.SIGINT, STOP_SECONDS),
                (signal.SIGQUIT, 10.0),
                (signal.SIGKILL, 10.0),
            ):
                if process.poll() is None:
                    process.send_signal(number)
                try:
                    process.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    _log.warning("database server %s did not stop on %s", process.pid, number.name)
        self._lock.release()

    def kill(self) -> None:
        """End the postmaster as a crash would. The lock stays: `start` recovers, `stop` gives up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def wait_dead(self) -> int:
        """Wait until the server has ended; its exit code, negative for a signal."""
        while (process := self._process) is not None:
            code = process.poll()
            if code is not None:
                return code
            await asyncio.sleep(WATCH_PAUSE)
        return 0

    async def watch(self, on_restart: Callable[[str], None]) -> None:
        """Bring the server back whenever it dies by itself, until `stop`. For a task of the main thread's
        event loop.

        `on_restart` is told why it had died, once it is up again. A start that fails is tried again, at most
        every 15 s, so a disk that was full needs no restart of ours. Also keeps the log within its bounds.
        """
        while not self._stopping:
            await self._wait_dead_trimming()
            if self._stopping:
                return
            reason = str(self._why_dead())
            _log.error("database server died: %s", reason)
            delay = 0.1
            while not self._stopping and not await self._try_restart():
                await asyncio.sleep(delay)
                delay = min(delay * 2, 15.0)
            if not self._stopping:
                on_restart(reason)

    async def _wait_dead_trimming(self) -> None:
        dead = asyncio.ensure_future(self.wait_dead())
        try:
            while not (await asyncio.wait({dead}, timeout=60))[0]:
                self._log.trim()
        finally:
            dead.cancel()

    async def _try_restart(self) -> bool:
        try:
            for pause in self._start(_log.info, restart=True):
                if self._stopping:
                    return False
                await asyncio.sleep(pause)
        except (Problem, OSError) as problem:
            _log.error("database server does not start: %s", problem)
            return False
        return True

    def _start(self, progress: Progress, *, restart: bool = False) -> Iterator[float]:
        """The steps of a start; yields the seconds to wait before going on. Undone when it fails or is
        abandoned.
        """
        if not restart:
            make_folder(self._home, self._name)
            self._stopping = False
            self._lock.release()  # still held after `kill`
            self._lock.take()
        try:
            place = settle(self._home, self._name)
            credentials = self._credentials(place)
            self._need_room(place)
            yield from self._await_predecessor(place, progress)
            binaries = self._choose_binaries(place)
            if not place.data.exists():
                progress("setting up a new database")
                yield from self._initialise(place, binaries, credentials)
            directory = place.make_socket_directory(credentials.token)
            _free_socket(socket_file(directory))
            yield from self._launch(place, binaries, directory, progress)
        except BaseException:  # also an interrupt from the keyboard: nothing half-started may stay behind
            if not restart or self._stopping:
                self.stop()
            raise

    def _credentials(self, place: Place) -> Credentials:
        if place.data.exists() and not (place.folder / "credentials.json").exists():
            raise CredentialsMissing
        return Credentials.ensure(place.folder, LOGINS[self._memory])

    def _need_room(self, place: Place) -> None:
        free = shutil.disk_usage(place.root).free
        if free < self._room_bytes:
            megabytes, needed = free // 1_000_000, self._room_bytes // 1_000_000
            message = (
                f"The disk of {place.root} has {megabytes} MB free; the database needs {needed} MB to start."
            )
            raise DiskFull(message, free_bytes=free)

    def _choose_binaries(self, place: Place) -> Binaries:
        version = place.data / "PG_VERSION"
        written_by = int(version.read_text().split(".")[0]) if version.exists() else None
        chosen = self._binaries if self._binaries and written_by in (None, self._binaries.major) else None
        return (chosen or find_binaries(written_by)).usable_by(place.account)

    def _await_predecessor(self, place: Place, progress: Progress) -> Iterator[float]:
        """Wait for a server that an earlier process of ours left dying; end orphans of a postmaster that was
        killed.
        """
        began = time.monotonic()
        told = False
        while found := members(place.cluster_name, place.account):
            record = PidFile.read(place.data)
            waited = time.monotonic() - began
            if record is None or record.pid not in found:
                send(
                    found, signal.SIGQUIT if waited < 5 else signal.SIGKILL
                )  # the postmaster is gone: they serve nobody
            elif waited > (STOPPING_SECONDS if record.status == "stopping" else LIVING_SECONDS):
                raise AlreadyRunning(
                    f"A database server (process {record.pid}) still runs on {place.data}.", pid=record.pid
                )
            if not told:
                progress("waiting for the previous server to end")
                told = True
            yield 0.05
        record = PidFile.read(place.data)
        if found is not None and record is not None and is_alive(record.pid):
            # The id now belongs to something else, as in a container whose ids begin anew. PostgreSQL would refuse.
            (place.data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self, place: Place, binaries: Binaries, credentials: Credentials) -> Iterator[float]:
        """Make a data directory beside its final name, so that an interrupted one is never taken for data."""
        fresh, secret = place.root / "data.new", place.root / ".password"
        shutil.rmtree(fresh, ignore_errors=True)
        secret.unlink(missing_ok=True)
        fresh.mkdir(mode=0o700)
        place.account.own(fresh)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            place.account.own(file.fileno())
            file.write(credentials.password(ADMIN) + "\n")
        command = [
            binaries.program("initdb"),
            "-D",
            str(fresh),
            "-U",
            ADMIN,
            f"--pwfile={secret}",
            "--no-instructions",
        ]
        try:
            output = self._log.open()
            try:
                process = spawn(command + initdb_options(self._memory, binaries.major), place.account, output)
            finally:
                os.close(output)
            try:
                while process.poll() is None:
                    yield PAUSE
            finally:
                process.kill()
                process.wait()
        finally:
            secret.unlink(missing_ok=True)
        if process.returncode != 0:
            self._raise_why(process.returncode)
        fresh.rename(place.data)

    def _launch(self, place: Place, binaries: Binaries, sockets: Path, progress: Progress) -> Iterator[float]:
        settings = server_settings(self._memory, binaries.major) | self._settings
        settings |= {"unix_socket_directories": str(sockets), "cluster_name": place.cluster_name}
        command = [binaries.program("postgres"), "-D", str(place.data)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        output = self._log.open()
        began, told = time.time(), 0.0
        try:
            self._process = process = spawn(command, place.account, output)
        finally:
            os.close(output)
        while True:
            record = PidFile.read(place.data)
            if (
                record
                and record.pid == process.pid
                and record.started_at >= began - 2
                and record.status == "ready"
            ):
                return
            if process.poll() is not None:
                self._raise_why(process.returncode)
            waited = time.time() - began
            if waited > START_SECONDS:
                process.send_signal(signal.SIGINT)
                raise ServerFailed(
                    f"The database server was not ready after {START_SECONDS:.0f} s. See {self._log.path}."
                )
            if waited - told >= 2:
                told = waited
                progress(f"the database server is starting or recovering, {waited:.0f} s")
            yield PAUSE

    def _why_dead(self) -> DiskFull | ServerFailed:
        code = self._process.returncode if self._process is not None else None
        return self._explain(code)

    def _explain(self, code: int | None) -> DiskFull | ServerFailed:
        if self._log.tells_of_full_disk():
            free = shutil.disk_usage(self.place.root).free
            message = f"The disk of {self.place.root} is full ({free // 1_000_000} MB free). Free some space; nothing was lost."
            return DiskFull(message, free_bytes=free)
        ended = f"signal {-code}" if code is not None and code < 0 else f"code {code}"
        return ServerFailed(
            f"The database server ended with {ended}. Its last words: {self._log.last_words()}"
        )

    def _raise_why(self, code: int) -> None:
        raise self._explain(code)


def _free_socket(path: Path) -> None:
    """Remove what a crash left at the socket's path; raises SocketTaken for anything that is not left
    over.
    """
    if not path.exists():
        return
    if not path.is_socket() or somebody_listens(path):
        raise SocketTaken(f"{path} is in use by something else. Stop that, or use another home.")
    path.unlink()
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
