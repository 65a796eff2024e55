"""What a page of another website needs to call /v1: the answer to its browser's question, and replies it may read (Fetch §3.3).

No cookie carries authority here, so the question may be answered to anyone; a reply may be read by the websites of its key.
"""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from callmissed.foundation.http import problem_response
from callmissed.foundation.problems import NotFound, Problem

VARY = (b"vary", b"Origin")
READABLE = (
    b"cm-attempts, cm-cache, cm-cost-inr, cm-fallback-for, cm-model, cm-processed-in, cm-upstream, cm-usage-id, deprecation, "
    b"idempotency-replayed, ratelimit, ratelimit-policy, retry-after, sunset, x-request-id"
)
MAY_SEND = [
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"anthropic-version, authorization, content-type, idempotency-key, x-api-key",
    ),
    (b"access-control-max-age", b"600"),
    VARY,
    (b"content-length", b"0"),
]


def header(scope: Scope, wanted: bytes) -> bytes | None:
    """The first header of this name (small letters), or None."""
    known: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for name, value in known:
        if name == wanted:
            return value
    return None


async def preflight(scope: Scope, send: Send) -> None:
    """Answer a browser that asks whether a page may call here. Raises NotFound when it asks no such thing."""
    origin = header(scope, b"origin")
    if origin is None or header(scope, b"access-control-request-method") is None:
        raise NotFound
    headers = [(b"access-control-allow-origin", origin), *MAY_SEND]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Shared:
    """Sends a reply that the pages of one website may read."""

    def __init__(self, send: Send, origin: bytes) -> None:
        self._send = send
        self._origin = origin
        self.started = False

    async def __call__(self, message: Message) -> None:
        """Send a message."""
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = [
                *message["headers"],
                (b"access-control-allow-origin", self._origin),
                (b"access-control-expose-headers", READABLE),
                VARY,
            ]
        await self._send(message)

    async def refuse(self, scope: Scope, receive: Receive, problem: Problem) -> None:
        """Answer with a Problem. Raises it again when the reply has begun: then it is too late."""
        if self.started:
            raise problem
        await problem_response(Request(scope, receive), problem)(scope, receive, self)
