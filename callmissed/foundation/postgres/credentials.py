"""The passwords of one server, made once and kept in `credentials.json`, readable by the process's user alone."""

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from callmissed.foundation.postgres.problems import CredentialsMissing

FILE = "credentials.json"


class Credentials:
    """A password for each role, and a random token that names things outside the home. `repr` shows neither."""

    def __init__(self, passwords: dict[str, str], token: str) -> None:
        """As read from the file."""
        self._passwords = passwords
        self.token = token

    def __repr__(self) -> str:
        return f"Credentials(roles={sorted(self._passwords)})"

    def password(self, role: str) -> str:
        """The password of `role`. Raises LookupError for a role that signs in nowhere."""
        if role not in self._passwords:
            reason = f"role {role!r} has no login on this server"
            raise LookupError(reason)
        return self._passwords[role]

    @classmethod
    def load(cls, folder: Path) -> "Credentials":
        """Read them. Raises CredentialsMissing."""
        path = folder / FILE
        try:
            with path.open("rb") as file:
                os.fchmod(file.fileno(), 0o600)  # a copy put back from elsewhere may have come back readable
                kept = json.load(file)
            return cls(dict(kept["passwords"]), str(kept["token"]))
        except FileNotFoundError:
            raise CredentialsMissing from None
        except (ValueError, KeyError, TypeError):
            raise CredentialsMissing(
                f"{path} cannot be read as credentials. Put it back from a copy."
            ) from None

    @classmethod
    def ensure(cls, folder: Path, roles: Iterable[str]) -> "Credentials":
        """Read them, making those that are absent, and write the file when anything was added."""
        kept = cls.load(folder) if (folder / FILE).exists() else cls({}, secrets.token_hex(8))
        kept.complete(folder, roles)
        return kept

    def complete(self, folder: Path, roles: Iterable[str]) -> None:
        """Make a password for each of `roles` that has none, and write the file when there was one to make."""
        missing = [role for role in roles if role not in self._passwords]
        if missing:
            self._passwords |= {role: secrets.token_urlsafe(32) for role in missing}
            self._save(folder)

    def _save(self, folder: Path) -> None:
        fresh = folder / f".{FILE}"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"passwords": self._passwords, "token": self.token}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(folder / FILE)
