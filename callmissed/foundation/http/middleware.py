"""The outermost layer: request id, known hosts, body limit, cross-site writes, security headers, last resort.

Plain ASGI, because it sits in front of every byte, streams included.
"""

import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callmissed.foundation.access_log import AccessLog
from callmissed.foundation.database import out_of_reach
from callmissed.foundation.http.errors import problem_response
from callmissed.foundation.pages import security_headers
from callmissed.foundation.problems import (
    CrossSite,
    Malformed,
    Problem,
    TooLarge,
    Unavailable,
    UnknownHost,
)

log = logging.getLogger(__name__)

REQUEST_ID = b"x-request-id"
LEFT = 499
"""Logged for who left before anything was answered (nginx's number; HTTP has none)."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What the edge accepts: host names, body sizes in bytes (by path prefix, longest wins), own origins.

    `open_prefixes` are surfaces that other websites may call by design (the widget's and the API's own routes): they
    carry no cookie authority, so a cross-site write there proves nothing and harms nobody.
    """

    hosts: frozenset[str]
    body_limit: int = 1_000_000
    body_limits: tuple[tuple[str, int], ...] = ()
    open_prefixes: tuple[str, ...] = ()
    secure: bool = False

    def limit_for(self, path: str) -> int:
        """The body limit of a path."""
        fitting = [(len(prefix), size) for prefix, size in self.body_limits if path.startswith(prefix)]
        return max(fitting)[1] if fitting else self.body_limit


AWAY_SECONDS = 5
"""After so many seconds a database that restarts is usually back."""


class Edge:
    """ASGI middleware: everything that must hold for every request, whatever answers it."""

    def __init__(self, app: ASGIApp, limits: EdgeLimits, access_log: AccessLog | None = None) -> None:
        self._app = app
        self._access_log = access_log
        self._limits = limits
        stamp = security_headers(https=limits.secure)
        self._stamp = [(name.lower().encode(), value.encode()) for name, value in stamp.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what must not enter; stamp what leaves."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = secrets.token_hex(8)
        outgoing = _Outgoing(send, scope["request_id"], self._stamp)
        if scope["method"] == "HEAD":
            # Whatever answers GET answers HEAD (RFC 9110 §9.3.2): asked as GET, and told without its content.
            scope, outgoing.bare = {**scope, "method": "GET"}, True
        limit = self._limits.limit_for(scope["path"])
        incoming = _Incoming(receive, limit)
        try:
            self._admit(scope, limit)
            await self._app(scope, incoming, outgoing)
        except _Told:
            return
        except Problem as problem:
            await self._answer(scope, receive, outgoing, problem)
        # house: broad-except the last resort: whatever broke, the caller gets an answer
        except Exception as failure:
            # The type and place only: an exception's text may quote personal data.
            log.exception("request failed", exc_info=_without_text(failure))
            away = out_of_reach(failure)
            problem = Unavailable(retry_after=AWAY_SECONDS) if away else Problem()
            await self._answer(scope, receive, outgoing, problem)
        finally:
            if self._access_log is not None:
                self._access_log.note(scope, outgoing.status)

    def _admit(self, scope: Scope, limit: int) -> None:
        host, size = _host_and_size(scope)
        if _hostname(host) not in self._limits.hosts and "*" not in self._limits.hosts:
            raise UnknownHost
        if not size.isdigit():
            raise Malformed
        if len(size) > 18 or int(size) > limit:
            raise TooLarge(limit_bytes=limit)
        if scope["method"] not in SAFE_METHODS and not scope["path"].startswith(
            self._limits.open_prefixes or "\0"
        ):
            _refuse_cross_site(Headers(scope=scope))

    async def _answer(self, scope: Scope, receive: Receive, outgoing: "_Outgoing", problem: Problem) -> None:
        if outgoing.finished:
            return
        if outgoing.started:
            # The status line is out. Ending the connection is the only honest signal left.
            message = f"reply {scope['request_id']} broke off after it began: {problem.code}"
            raise ConnectionAbortedError(message) from None
        response = problem_response(Request(scope, receive), problem)
        await response(scope, receive, outgoing)


def _host_and_size(scope: Scope) -> tuple[bytes, bytes]:
    """Host and the first Content-Length, in one pass over the headers; a body nobody announced is looked at as it comes.

    Raises Malformed for two hosts (RFC 9112 §3.2): a proxy may have looked at the other.
    """
    host, size = b"", b""
    known: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in known:
        if name == b"host":
            if host:
                raise Malformed("A request names one host.")
            host = value
        elif name == b"content-length":
            size = size or value
    return host, size or b"0"


def _refuse_cross_site(headers: Headers) -> None:
    """Refuse a state-changing request that a browser sent for another site.

    Browsers state it in Sec-Fetch-Site (Fetch Metadata, W3C) and Origin; programs send neither and carry no cookies
    by accident.
    """
    fetched = headers.get("sec-fetch-site")
    if fetched is not None and fetched not in {"same-origin", "none"}:
        raise CrossSite
    origin = headers.get("origin")
    if fetched is None and origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise CrossSite


@lru_cache(maxsize=1024)
def _hostname(host: bytes) -> str:
    """The name in a Host header without its port; empty when it is none."""
    try:
        return urlsplit(f"//{host.decode('latin-1')}").hostname or ""
    except ValueError:  # such as an open bracket
        return ""


def _without_text(failure: BaseException) -> BaseException:
    """The same traceback, with the exception's text removed."""
    bare = RuntimeError(type(failure).__qualname__)
    bare.__traceback__ = failure.__traceback__
    return bare


class _Incoming:
    """Receives the body and refuses it once it grows past the limit, whatever its headers said."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self._limit = limit

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise TooLarge(limit_bytes=self._limit)
        return message


class _Told(Exception):
    """All of the reply that its caller wants has been sent; what still comes, such as an endless stream, ends here."""


class _Outgoing:
    """Sends the reply with its request id and security headers; `bare`: without its content."""

    def __init__(self, send: Send, request_id: str, stamp: Sequence[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._request_id = request_id
        self._stamp = stamp
        self.started = False
        self.status = LEFT
        self.finished = False
        self.bare = False

    async def __call__(self, message: Message) -> None:
        if self.bare and self.finished:
            raise _Told
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            own = [each for each in message.get("headers", ()) if each[0] != REQUEST_ID]
            said = {name for name, _ in own}
            stamp = [each for each in self._stamp if each[0] not in said]
            message["headers"] = [*own, (REQUEST_ID, self._request_id.encode()), *stamp]
        if message["type"] == "http.response.body":
            if self.bare:
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            self.finished = not message.get("more_body")
        await self._send(message)
