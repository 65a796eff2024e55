"""One PostgreSQL server of our own: one data directory, one postmaster, our direct child."""

import asyncio
import logging
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from callmissed.foundation.postgres import startup
from callmissed.foundation.postgres.binaries import Binaries, find_binaries
from callmissed.foundation.postgres.credentials import Credentials
from callmissed.foundation.postgres.dsn import ADMIN, Dsn, Progress, socket_file
from callmissed.foundation.postgres.lock import HomeLock
from callmissed.foundation.postgres.places import Place, find_place, make_folder, settle
from callmissed.foundation.postgres.problems import ServerFailed
from callmissed.foundation.postgres.process import PidFile, somebody_listens
from callmissed.foundation.postgres.serverlog import ServerLog
from callmissed.foundation.postgres.tuning import Memory, initdb_options, server_settings
from callmissed.foundation.problems import Problem

LOGINS: dict[Memory, tuple[str, ...]] = {
    "data": (ADMIN, "cm_app", "cm_worker", "cm_verifier"),
    "keys": (ADMIN, "cm_keys"),
}
STOP_SECONDS = 30.0
WATCH_PAUSE = 0.25
ROOM_BYTES = 200_000_000

_log = logging.getLogger(__name__)


class Cluster:
    """A PostgreSQL server under our care: reached over a Unix socket only, with a password for every role.

    `start` from the main thread (see `process.spawn`). The server ends when this process ends, even by kill -9; the
    next start waits for one that is still ending, and recovers what a crash left. `watch` brings it back when it dies
    alone.
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
        """Starts nothing. `settings` are server parameters over ours; `room_bytes` must be free on the disk."""
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
        """Whether a server is ready here, ours or another process's: for commands that join a running one."""
        found = find_place(self._home, self._name)
        record = PidFile.read(found.data) if found is not None else None
        if found is None or record is None or record.status != "ready":
            return False
        return somebody_listens(socket_file(found.socket_directory(Credentials.load(found.folder).token)))

    @property
    def holder(self) -> int | None:
        """The process that runs this server or is about to, from the lock; None when nobody does."""
        return self._lock.holder()

    def dsn(self, role: str, database: str) -> Dsn:
        """A login as `role` to `database`.

        Raises CredentialsMissing, ServerFailed before the first start, LookupError for an unknown role.
        """
        place = self.place
        credentials = Credentials.load(place.folder)
        directory = place.socket_directory(credentials.token)
        return Dsn(role, database, str(directory), password=credentials.password(role))

    def password(self, role: str) -> str:
        """The password of a role that signs in to this server. Raises LookupError, CredentialsMissing."""
        return Credentials.load(self.place.folder).password(role)

    def start(self, progress: Progress | None = None) -> None:
        """Bring the server up; returns when it accepts connections. Does nothing when it is up.

        `progress` is told in a few words what takes time. Raises AlreadyRunning, DiskFull, PostgresUnavailable,
        WrongVersion, CredentialsMissing, SocketTaken, NoServerAccount, ServerFailed.
        """
        if self.pid is not None:
            return
        for pause in self._start(progress or _log.info):
            time.sleep(pause)

    def stop(self) -> None:
        """Shut the server down: connections end, everything is on disk. Does nothing when it is down."""
        self._stopping = True
        process, self._process = self._process, None
        if process is not None:
            _end(process)
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
        """Bring the server back whenever it dies by itself, until `stop`. For a task of the main thread's loop.

        `on_restart` is told why it had died, once it is up again. A start that fails is tried again, at most every 15
        s, so a disk that was full needs no restart of ours. Also keeps the log within its bounds.
        """
        while not self._stopping:
            await self._wait_dead_trimming()
            if self._stopping:
                return
            code = self._process.returncode if self._process is not None else None
            reason = str(startup.explain(self.place, self._log, code))
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
        """The steps of a start; yields the seconds to wait before going on. Undone when it fails or is abandoned."""
        if not restart:
            make_folder(self._home, self._name)
            self._stopping = False
            self._lock.release()  # still held after `kill`
            self._lock.take()
        try:
            place = settle(self._home, self._name)
            if place.data.exists():
                Credentials.load(place.folder)  # data without its passwords is not given new ones
            credentials = Credentials.ensure(place.folder, LOGINS[self._memory])
            startup.need_room(place, self._room_bytes)
            yield from startup.await_predecessor(place, progress)
            binaries = self._choose_binaries(place)
            if not place.data.exists():
                progress("setting up a new database")
                options = initdb_options(self._memory, binaries.major)
                yield from startup.initialise(
                    place, binaries, options, credentials.password(ADMIN), self._log
                )
            sockets = place.make_socket_directory(credentials.token)
            startup.free_socket(socket_file(sockets))
            settings = server_settings(self._memory, binaries.major) | self._settings
            settings["unix_socket_directories"] = str(sockets)
            self._process = startup.launch(place, binaries, settings, self._log)
            yield from startup.await_ready(place, self._process, self._log, progress)
        except BaseException:  # also an interrupt from the keyboard: nothing half-started may stay behind
            if not restart or self._stopping:
                self.stop()
            raise

    def _choose_binaries(self, place: Place) -> Binaries:
        """Those asked for, unless the data was written by another major version."""
        version = place.data / "PG_VERSION"
        written_by = int(version.read_text().split(".")[0]) if version.exists() else None
        chosen = self._binaries if self._binaries and written_by in (None, self._binaries.major) else None
        return (chosen or find_binaries(written_by)).usable_by(place.account)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for a fast shutdown, then for an immediate one, then kill; and reap it."""
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            _log.warning("database server %s did not end on %s", process.pid, number.name)
        else:
            return
