"""What the upstreams that are asked over HTTP have in common: events of a stream, and what a bad status means."""

import logging
from collections.abc import AsyncGenerator

from callmissed.foundation.problems import Problem
from callmissed.gateway.problems import (
    OwnKeyRefused,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamRefused,
    UpstreamRejected,
)
from callmissed.gateway.upstreams.http_connection import Answer
from callmissed.gateway.upstreams.protocol import Account

log = logging.getLogger(__name__)

LARGEST_REPLY = 16_000_000
LARGEST_EVENT = 4_000_000
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


def refusal(name: str, answer: Answer, account: Account | None) -> Problem:
    """What a bad status means for our caller, on whose account it was. The supplier's own words are not passed on."""
    log.warning("upstream %s answered %d", name, answer.status)
    if answer.status in (429, 503, 529):
        after = answer.header(b"retry-after")
        return UpstreamBusy(
            retry_after=min(int(after), LONGEST_WAIT) if after.isdecimal() and len(after) < 10 else USUAL_WAIT
        )
    if answer.status in (401, 402, 403):
        return UpstreamRefused() if account is None else OwnKeyRefused()
    if answer.status in (400, 404, 413, 422):
        return UpstreamRejected()
    return UpstreamBroken.before_answering()
