"""HTTP/1.1 towards one server that runs models: kept-alive connections, an answer as it arrives, an end to every wait.

Our own over httptools, because every call passes here (docs/decisions says why). It does what the gateway needs and no more: no
redirect, no proxy, no cookie, no compression. A request is written once: whether to ask again is for whoever knows what it may
cost. A connection serves one caller at a time, and another one only after an answer that ended exactly where it should.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from callmissed.foundation import egress
from callmissed.gateway.problems import UpstreamUnreachable
from callmissed.gateway.upstreams.altered import altered
from callmissed.gateway.upstreams.http_connection import Answer, Connection, Timeouts

MOST_IDLE: Final = 256
"""So many connections are kept for the next request."""


@cache
def system_tls() -> ssl.SSLContext:
    """Certificates are checked against those of the system, names against certificates."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """The header in which a server expects keys; in `authorization` they stand after `word`."""

    name: str = "authorization"
    word: str = "Bearer"

    def of(self, secret: str) -> dict[str, str]:
        """The header with this key, where there is one."""
        value = f"{self.word} {secret}" if self.name.lower() == "authorization" else secret
        return {self.name: value} if secret else {}


BEARER: Final = KeyHeader()


class Client:
    """The connections to one server. It belongs to one event loop.

    `base_url` is http or https with an optional path; `key_header` is the one of `headers` that says whose account it is. Raises
    ValueError for what cannot be an address or a header.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        key_header: KeyHeader = BEARER,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the address of an upstream begins with http:// or https:// and a name")
        self.timeouts = timeouts or Timeouts()
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._secure else 80)
        self._tls = tls
        self._path = _plain(parts.path.rstrip("/")).replace(" ", "%20")
        shown = parts.netloc.rpartition("@")[2]
        sent = {"host": shown, "accept-encoding": "identity", "user-agent": "callmissed", **(headers or {})}
        self._head = _lines(sent)
        self._bare = _lines(
            {name: value for name, value in sent.items() if name.lower() != key_header.name.lower()}
        )
        self._key_header = key_header
        self._keeper = self
        self._idle: dict[Connection, None] = {}
        self._closed = False

    async def post(self, path: str, body: bytes, content_type: bytes = b"application/json") -> Answer:
        """Send a body to a path below the base; see `get` for what comes back and what is raised."""
        head = b"POST %s HTTP/1.1\r\n%scontent-type: %s\r\ncontent-length: %d\r\n\r\n"
        return await self._ask(head % (self._target(path), self._head, content_type, len(body)) + body)

    async def get(self, path: str) -> Answer:
        """The answer, once its head is here: use it in a `with` block.

        Raises UpstreamUnreachable when there was no connection, or none any more before the first byte, UpstreamSlow, and
        UpstreamBroken for what is not HTTP.
        """
        return await self._ask(b"GET %s HTTP/1.1\r\n%s\r\n" % (self._target(path), self._head))

    @property
    def server(self) -> str:
        """Where requests go: scheme, name, and the port where it is not the usual one."""
        usual = self._port == (443 if self._secure else 80)
        return f"{'https' if self._secure else 'http'}://{self._host}{'' if usual else f':{self._port}'}"

    def with_key(self, secret: str) -> "Client":
        """The same client over the same connections, for another account: its key stands in each request in place of the client's own.

        An empty one asks as nobody. Raises ValueError for what cannot stand in a header.
        """
        return altered(self, _head=self._bare + _lines(self._key_header.of(secret)))

    async def close(self) -> None:
        """Close what is idle now, and the rest as it becomes so."""
        self._closed = True
        for connection in list(self._idle):
            connection.abort()

    def keep(self, connection: Connection) -> bool:
        """Take a connection back for the next request; False when it is not wanted."""
        if self._closed or len(self._idle) >= MOST_IDLE:
            return False
        self._idle[connection] = None
        return True

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._idle.pop(connection, None)

    def _target(self, path: str) -> bytes:
        return f"{self._path}{path}".encode("ascii")

    async def _ask(self, request: bytes) -> Answer:
        answer = (self._kept() or await self._connected()).send(request)
        try:
            await answer.begin()
        finally:
            if not answer.status:
                answer.end()
        return answer

    def _kept(self) -> Connection | None:
        """The connection that was used last: the others may grow old and go."""
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.is_usable():
                return connection
            connection.abort()
        return None

    async def _connected(self) -> Connection:
        loop = asyncio.get_running_loop()
        tls = (self._tls or system_tls()) if self._secure else None
        try:
            egress.REGISTER.admit(self._host, self._port)
            async with asyncio.timeout(self.timeouts.connect):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._keeper, loop), self._host, self._port, ssl=tls
                )
        except (
            egress.UnknownDestination,
            OSError,
            UnicodeError,
        ):  # names and certificates too; UnicodeError: a name that DNS cannot hold
            raise UpstreamUnreachable from None
        return connection


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{_plain(name)}: {_plain(value)}\r\n" for name, value in headers.items()).encode(
        "latin-1"
    )


def _plain(text: str) -> str:
    """The text, when it can stand in a line of a head. Raises ValueError."""
    if not text.isascii() or any(ord(each) < 32 or ord(each) == 127 for each in text):
        raise ValueError(
            "an address or header of an upstream holds characters that HTTP does not allow there"
        )
    return text
