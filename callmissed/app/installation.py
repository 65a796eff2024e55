"""One installation: its two PostgreSQL servers, its keyring, its schema. Started before the application, stopped after it."""

import asyncio
import errno
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from callmissed.app.migrate import migrate
from callmissed.app.settings import Settings
from callmissed.foundation.postgres import (
    ADMIN,
    DATABASE,
    KEYS_DATABASE,
    Cluster,
    Dsn,
    Outside,
    Server,
    ensure_key_roles,
    ensure_roles,
)
from callmissed.foundation.problems import Problem
from callmissed.foundation.vault import Keyring, Vault, create_key_plane

log = logging.getLogger(__name__)

FULL = (errno.ENOSPC, errno.EDQUOT)

DataRole = Literal["cm_app", "cm_worker", "cm_verifier"]


class AlreadyUp(Problem):
    """CallMissed already runs over this folder. Stop it first, or choose another folder with CALLMISSED_HOME."""

    status = 503
    code = "already_up"


class HomeUnusable(Problem):
    """The folder of the installation cannot be written to. Choose another one with CALLMISSED_HOME."""

    status = 503
    code = "home_unusable"


@dataclass(frozen=True, slots=True)
class Installation:
    """A running installation: where it keeps things and how to sign in to its two planes."""

    settings: Settings
    home: Path
    data: Server
    keys: Server

    def data_plane(self, role: DataRole) -> Dsn:
        """The data plane as this role sees it."""
        return self.data.dsn(role, DATABASE)

    def key_plane(self) -> Dsn:
        """The key plane."""
        return self.keys.dsn("cm_keys", KEYS_DATABASE)

    def vault(self) -> Vault:
        """The vault over the key plane and the keyring; not started."""
        return Vault(self.key_plane().psycopg, Keyring.local(self.home / "keyring"))


def servers(settings: Settings, home: Path) -> tuple[Server, Server]:
    """The data server and the key server: outside ones where configured, embedded ones otherwise."""
    data: Server = (
        Outside(settings.database_url.get_secret_value())
        if settings.database_url
        else Cluster(home, "data", memory="data")
    )
    keys: Server = (
        Outside(settings.keys_database_url.get_secret_value(), setting="KEYS_DATABASE_URL")
        if settings.keys_database_url
        else Cluster(home, "keys", memory="keys")
    )
    return data, keys


@contextmanager
def joined(settings: Settings) -> Generator[Installation]:
    """The installation another process is running, or one started for the length of the block: for single commands."""
    home = settings.home.resolve()
    data, keys = servers(settings, home)
    if all(not isinstance(server, Cluster) or server.serving for server in (data, keys)):
        for server in (data, keys):
            if isinstance(server, Outside):
                server.start()
        yield Installation(settings, home, data, keys)
        return
    with running(settings) as installation:
        yield installation


def refuse_second(settings: Settings) -> None:
    """Raises AlreadyUp when another process runs the databases of this folder. Touches nothing."""
    home = settings.home.resolve()
    for server in servers(settings, home):
        if isinstance(server, Cluster) and (pid := server.holder):
            raise AlreadyUp(
                f"CallMissed already runs over {home}, as process {pid}. Stop it first, or choose another folder "
                "with CALLMISSED_HOME."
            )


@contextmanager
def _writing(home: Path) -> Generator[None]:
    """Turn what the operating system refuses into a sentence with its cure. Raises HomeUnusable."""
    try:
        yield
    except OSError as failure:
        cure = (
            "Free some space and try again"
            if failure.errno in FULL
            else "Choose another with CALLMISSED_HOME"
        )
        reason = f"The folder {home} cannot be written to: {failure.strerror}. {cure}; nothing was lost."
        raise HomeUnusable(reason) from failure


@contextmanager
def running(settings: Settings, progress: Callable[[str], None] = log.info) -> Generator[Installation]:
    """Start the servers, make roles and schema, and stop the servers at the end of the block.

    Must be entered from the main thread: the embedded servers die with the thread that started them.
    """
    home = settings.home.resolve()
    with _writing(home):
        home.mkdir(parents=True, exist_ok=True)
    data, keys = servers(settings, home)
    progress("Starting the database")
    with _writing(home):
        data.start(progress)
    try:
        progress("Starting the key plane")
        with _writing(home):
            keys.start(progress)
        try:
            progress("Bringing the schema up to date")
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                installation = Installation(settings, home, data, keys)
                runner.run(_ensure_roles(data, keys))
                migrate(data.dsn(ADMIN, DATABASE))
            create_key_plane(installation.key_plane())
            yield installation
        finally:
            keys.stop()
    finally:
        data.stop()


async def _ensure_roles(data: Server, keys: Server) -> None:
    """Roles and databases of both planes."""
    logins = {role: data.password(role) for role in ("cm_app", "cm_worker", "cm_verifier")}
    await ensure_roles(data.dsn(ADMIN, "postgres"), logins)
    await ensure_key_roles(keys.dsn(ADMIN, "postgres"), {"cm_keys": keys.password("cm_keys")})
