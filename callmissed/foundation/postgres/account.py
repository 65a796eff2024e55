"""Whom the server runs as.

PostgreSQL refuses to run as root. Started as root, the server therefore runs as, in this order: the owner of an
existing data directory; the account `callmissed`, when someone has made it; the account `postgres`, whose only purpose
is this; else a system account `callmissed` is made with `useradd`. Never `nobody`: other services share that account,
and each of them could then read the data and the keys. Started as anyone else, the server runs as that user.
"""

import grp
import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from callmissed.foundation.postgres.problems import NoServerAccount

DEDICATED = "callmissed"
CANDIDATES = (DEDICATED, "postgres")


class Identity(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change whom a child runs as; empty when it runs as ourselves."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """An operating-system account: its name, user id and group id."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether this process itself runs under the account."""
        return self.uid == os.geteuid()

    def identity(self) -> Identity:
        """How to start a child as this account, with no group but its own."""
        return Identity() if self.is_ours else Identity(user=self.uid, group=self.gid, extra_groups=[])

    def own(self, path: Path | int) -> None:
        """Give a file, directory or open descriptor to the account. Raises NoServerAccount when barred."""
        try:
            if not self.is_ours:
                os.chown(path, self.uid, self.gid)
        except PermissionError:  # root of a container that was stripped of its rights
            reason = f"This root may not act as {self.name!r}. Start as an ordinary user, or with CHOWN and SETUID."
            raise NoServerAccount(reason) from None

    def reaches(self, path: Path) -> bool:
        """Whether the account may pass every directory down to and including `path`, or its nearest existing parent.

        Judged by owner, group and mode, without access lists, which can only make the server's start fail later.
        """
        path = path.resolve()
        chain = [each for each in (path, *path.parents) if each.is_dir()]
        return all(self._passes(each.stat()) for each in chain)

    def _passes(self, status: os.stat_result) -> bool:
        if self.uid == status.st_uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if self.gid == status.st_gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_account(existing: Path | None = None) -> Account:
    """The account for the server; `existing` is a data directory, whose owner wins. Raises NoServerAccount."""
    if os.geteuid() != 0:
        return _by_uid(os.geteuid())
    if existing is not None and existing.exists() and (owner := existing.stat().st_uid) != 0:
        return _by_uid(owner)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in CANDIDATES:
        if name in known:
            return Account(name, known[name].pw_uid, known[name].pw_gid)
    return _make_account()


def _by_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        reason = (
            f"PostgreSQL needs an account with a name, and user id {uid} has none. Add it to /etc/passwd."
        )
        raise NoServerAccount(reason) from None
    return Account(entry.pw_name, uid, entry.pw_gid if uid != os.geteuid() else os.getegid())


def _make_account() -> Account:
    command = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        DEDICATED,
    ]
    try:
        subprocess.run(  # noqa: S603 - fixed words
            command, capture_output=True, timeout=30, cwd="/", check=True
        )
        entry, group = pwd.getpwnam(DEDICATED), grp.getgrnam(DEDICATED)
    except (OSError, subprocess.SubprocessError, KeyError):
        raise NoServerAccount from None
    return Account(DEDICATED, entry.pw_uid, group.gr_gid)
