"""Where things are: what we own below the home, and what the server's account owns, there or elsewhere.

    home/<name>/credentials.json  lock  server.log        ours
    home/<name>/data  home/<name>/socket                  the server's
    home/<name>/elsewhere                                 names the directory of data and socket when they are not here

They are elsewhere when we are root and the server's account cannot pass the directories above the home (a project in
/root): then below /var/lib/callmissed. Permissions of existing directories are never loosened.

A Unix socket's path holds at most 107 bytes. When the home is deeper, the socket moves to a directory with a random
name in /run (root) or /tmp; one of that name that belongs to anyone else, or that others may enter, is refused.
"""

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from callmissed.foundation.postgres.account import Account, server_account
from callmissed.foundation.postgres.dsn import socket_file
from callmissed.foundation.postgres.problems import ServerFailed, SocketTaken

ELSEWHERE = Path("/var/lib/callmissed")
LONGEST_SOCKET = 107
POINTER = "elsewhere"


@dataclass(frozen=True)
class Place:
    """The directories of one server and the account it runs as."""

    folder: Path
    root: Path
    account: Account

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.root / "data"

    @property
    def cluster_name(self) -> str:
        """A name for the server's processes, different for each data directory."""
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        return f"callmissed-{digest}"

    def socket_directory(self, token: str) -> Path:
        """Where the socket is or will be. `token` is the random part of a name outside the home."""
        near = self.root / "socket"
        if len(os.fsencode(socket_file(near))) <= LONGEST_SOCKET:
            return near
        runtime = Path("/run") if os.geteuid() == 0 and os.access("/run", os.W_OK) else Path("/tmp")  # noqa: S108 - a random name, and its owner is checked
        return runtime / f"callmissed-{token}"

    def make_socket_directory(self, token: str) -> Path:
        """Make it, or accept it as made before. Raises SocketTaken when it is not the server's alone."""
        directory = self.socket_directory(token)
        try:
            directory.mkdir(mode=0o700)
            self.account.own(directory)
        except FileExistsError:
            found = directory.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.account.uid or found.st_mode & 0o077:
                message = (
                    f"{directory} should belong to {self.account.name!r} alone. Remove it and start again."
                )
                raise SocketTaken(message) from None
        return directory


def find_place(home: Path, name: str) -> Place | None:
    """The place of a server that was set up before; None when there is none. Raises ServerFailed when it was lost."""
    folder = home.resolve() / name
    pointer = folder / POINTER
    root = Path(pointer.read_text().strip()) if pointer.exists() else folder
    if pointer.exists() and not root.is_dir():
        raise ServerFailed(
            f"{root} holds this database and is gone. Put it back, or remove {pointer} to begin anew."
        )
    return Place(folder, root, server_account(root / "data")) if root.is_dir() else None


def make_folder(home: Path, name: str) -> Path:
    """Make what is ours below the home, passable for the server's account when that is not us."""
    folder = home.resolve() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    _make(folder, 0o711 if os.geteuid() == 0 else 0o700)
    return folder


def settle(home: Path, name: str) -> Place:
    """The place of a server, made when new; call it with the lock held. Raises NoServerAccount, ServerFailed."""
    folder = make_folder(home, name)
    known = find_place(home, name)
    if known is not None and (known.root != folder or known.data.exists() or known.account.reaches(folder)):
        return known
    account = server_account()
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    root = ELSEWHERE / f"{digest}-{secrets.token_hex(3)}"
    _make(ELSEWHERE, 0o755)
    _make(root, 0o711)
    (root / "origin").write_text(f"{folder}\n")
    (folder / POINTER).write_text(f"{root}\n")
    return Place(folder, root, account)


def _make(directory: Path, mode: int) -> None:
    if not directory.exists():
        directory.mkdir()
        directory.chmod(mode)  # whatever the umask says


def orphans() -> list[Path]:
    """Directories below /var/lib/callmissed whose home is gone or no longer points to them.

    They may hold personal data that nobody will look after: for `callmissed doctor` to name. Nothing removes them
    unasked.
    """
    found: list[Path] = []
    for origin in sorted(ELSEWHERE.glob("*/origin")):
        pointer = Path(origin.read_text().strip()) / POINTER
        if not pointer.exists() or pointer.read_text().strip() != str(origin.parent):
            found.append(origin.parent)
    return found
