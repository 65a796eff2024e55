"""How to sign in to a PostgreSQL server, in the spellings of the three drivers; and a server that others run."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import psycopg

from callmissed.foundation.postgres.problems import PostgresUnavailable

ADMIN = "postgres"
REACH_SECONDS = 10
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Dsn:
    """One login to one database. `repr` and `str` never show the password; the three properties do: log none of them.

    `host` is a host name or the directory of a Unix socket; `options` are further libpq parameters such as sslmode.
    """

    user: str
    database: str
    host: str
    port: int = 5432
    password: str = field(default="", repr=False)
    options: tuple[tuple[str, str], ...] = ()

    @property
    def psycopg(self) -> str:
        """For `psycopg.connect`, libpq tools and Procrastinate."""
        return self._url("postgresql")

    @property
    def sqlalchemy(self) -> str:
        """For `create_async_engine`, over psycopg 3."""
        return self._url("postgresql+psycopg")

    @property
    def asyncpg(self) -> str:
        """For `asyncpg.connect`."""
        return self._url("postgresql")

    def _url(self, scheme: str) -> str:
        login = quote(self.user, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        options = dict(self.options)
        if self.host.startswith("/"):
            place, options = "", {"host": self.host, "port": str(self.port), **options}
        else:
            place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        query = f"?{urlencode(options)}" if options else ""
        return f"{scheme}://{login}@{place}/{quote(self.database, safe='')}{query}"

    @classmethod
    def parse(cls, url: str) -> "Dsn":
        """Read a `postgresql://user:password@host:port/database?sslmode=…` URL. Raises PostgresUnavailable."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        host = unquote(parts.hostname or "") or options.pop("host", "")
        port = int(options.pop("port", 0)) or parts.port or 5432
        if parts.scheme.split("+")[0] not in ("postgresql", "postgres") or not host or not parts.username:
            message = "DATABASE_URL must look like postgresql://user:password@host:5432/database?sslmode=verify-full."
            raise PostgresUnavailable(message)
        user, password = unquote(parts.username), unquote(parts.password or "")
        database = unquote(parts.path.lstrip("/")) or user
        return cls(user, database, host, port, password, tuple(options.items()))


class Server(Protocol):
    """What the rest of the product needs of a PostgreSQL server, whoever runs it."""

    def start(self, progress: Progress | None = None) -> None:
        """Make the server answer. `progress` is told in a few words what takes time."""
        ...

    def stop(self) -> None:
        """Give back what `start` took."""
        ...

    def dsn(self, role: str, database: str) -> Dsn:
        """A login as `role` to `database`."""
        ...

    def password(self, role: str) -> str:
        """The password that `roles.ensure_…` gives to `role`."""
        ...


@lru_cache(maxsize=32)
def _derived(secret: str, role: str) -> str:
    return hashlib.scrypt(
        secret.encode(), salt=f"callmissed role {role}".encode(), n=2**14, r=8, p=1, dklen=24
    ).hex()


class Outside:
    """A PostgreSQL server that others run (`DATABASE_URL`, `KEYS_DATABASE_URL`).

    The URL is the login that may create roles. The passwords of our own roles are either given, or derived from that
    login's password with scrypt, so that every node finds the same ones without a file that has to be shared. After a
    change of the login's password run `callmissed migrate`, which sets the roles' passwords again.
    """

    def __init__(
        self, url: str, passwords: Mapping[str, str] | None = None, *, setting: str = "DATABASE_URL"
    ) -> None:
        """`url` as for libpq; `passwords` maps a role to its password; `setting` is where the URL was given.

        Raises PostgresUnavailable for another URL.
        """
        self.admin = Dsn.parse(url)
        self._setting = setting
        self._passwords = dict(passwords or {})

    def __repr__(self) -> str:
        return f"Outside({self.admin!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def start(self, progress: Progress | None = None) -> None:
        """See that it answers and lets us in. Raises PostgresUnavailable, with what it said: never the password."""
        del progress
        try:
            psycopg.connect(self.dsn(ADMIN, ADMIN).psycopg, connect_timeout=REACH_SECONDS).close()
        except psycopg.Error as failure:
            words = " ".join(str(failure).split())[:300]
            reason = (
                f"{self._setting} leads to no database that lets us in. Correct it. What was said: {words}"
            )
            raise PostgresUnavailable(reason) from None

    def stop(self) -> None:
        """Nothing to do."""

    def dsn(self, role: str, database: str) -> Dsn:
        """A login as `role` to `database` on the same server. `role` "postgres" means the login of the URL."""
        if role in (ADMIN, self.admin.user):
            return replace(self.admin, database=database)
        return replace(self.admin, user=role, password=self.password(role), database=database)

    def password(self, role: str) -> str:
        """The password of one of our roles."""
        return self._passwords.get(role) or _derived(self.admin.password, role)


def socket_file(directory: Path, port: int = 5432) -> Path:
    """The name PostgreSQL gives its socket in `directory`."""
    return directory / f".s.PGSQL.{port}"
