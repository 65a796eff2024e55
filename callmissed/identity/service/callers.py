"""Who calls: a browser by its session, and under /api a program by its key."""

from collections.abc import Mapping
from typing import Any, Protocol

from callmissed.foundation.tenancy import Access
from callmissed.identity.keyring import KeyRing
from callmissed.identity.service.sessions import SessionReader

SURFACE = "/api/"
BEARER = "bearer "


class Connection(Protocol):
    """A connection, as far as this room looks at it."""

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies it sent."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers it sent."""
        ...

    @property
    def scope(self) -> Mapping[str, Any]:
        """Its ASGI scope."""
        ...


class Callers:
    """Says which access a connection has. One per process: `services.authenticate` is `access`."""

    def __init__(self, reader: SessionReader, ring: KeyRing) -> None:
        self._reader = reader
        self._ring = ring

    async def access(self, connection: Connection) -> Access | None:
        """The standing of the bearer key (RFC 6750 §2.1) where keys count, else of the session; None without either.

        A key that is sent decides alone, so that a wrong one never falls back to a cookie. Raises the Problems of keys,
        AddressNotAllowed and OriginNotAllowed.
        """
        sent = connection.headers.get("authorization", "")
        path: str = connection.scope.get("path", "")
        if path.startswith(SURFACE) and sent[: len(BEARER)].lower() == BEARER:
            key = await self._ring.resolve(sent[len(BEARER) :].strip())
            client = connection.scope.get("client")
            key.from_where(connection.headers.get("origin"), client[0] if client else "")
            return key.access
        return await self._reader.access(connection)
