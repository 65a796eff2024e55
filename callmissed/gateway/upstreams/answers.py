"""What the upstreams that are asked over HTTP have in common: events of a stream, and what a bad status means."""

import logging
from collections.abc import AsyncGenerator

from callmissed.foundation.problems import Problem
from callmissed.gateway.problems import UpstreamBroken, UpstreamBusy, UpstreamRefused, UpstreamRejected
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.http_connection import Answer

log = logging.getLogger(__name__)

LARGEST_REPLY = 16_000_000
LARGEST_EVENT = 4_000_000
LARGEST_SOUND = 64_000_000
USUAL_WAIT, LONGEST_WAIT = 5, 600
"""Seconds to come back after where a busy supplier does not say, and at most."""


async def events(answer: Answer) -> AsyncGenerator[bytes]:
    """The data of each server-sent event (WHATWG HTML §9.2), however the bytes were cut. Raises UpstreamBroken, UpstreamSlow."""
    rest = b""
    while chunk := await answer.chunk():
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        if len(rest) > LARGEST_EVENT:
            raise UpstreamBroken
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if rest.startswith(b"data:"):
        yield rest[5:].strip()


async def posted(
    name: str, client: Client, path: str, body: bytes, content_type: bytes = b"application/json"
) -> Answer:
    """The answer to a request, once its status is good. Translates every failure into a Problem."""
    return _good(name, await client.post(path, body, content_type))


async def got(name: str, client: Client, path: str) -> Answer:
    """Likewise, of a request without a body."""
    return _good(name, await client.get(path))


def _good(name: str, answer: Answer) -> Answer:
    if answer.status != 200:
        answer.end()
        raise refusal(name, answer)
    return answer


async def sound(answer: Answer) -> AsyncGenerator[bytes]:
    """The content type, and then the sound as it arrives. Raises UpstreamBroken for more than 64 MB."""
    yield answer.header(b"content-type").encode("latin-1")
    size = 0
    while chunk := await answer.chunk():
        size += len(chunk)
        if size > LARGEST_SOUND:
            raise UpstreamBroken
        yield chunk


def refusal(name: str, answer: Answer) -> Problem:
    """What a bad status means for our caller. The supplier's own words are not passed on."""
    log.warning("upstream %s answered %d", name, answer.status)
    if answer.status in (429, 503, 529):
        after = answer.header(b"retry-after")
        return UpstreamBusy(
            retry_after=min(int(after), LONGEST_WAIT) if after.isdecimal() and len(after) < 10 else USUAL_WAIT
        )
    if answer.status in (401, 402, 403):
        return UpstreamRefused()
    if answer.status in (400, 404, 413, 422):
        return UpstreamRejected()
    return UpstreamBroken.before_answering()
