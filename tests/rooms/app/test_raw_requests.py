"""Bytes that are no request, or two requests at once for whoever reads them otherwise: the server as it is shipped takes neither."""

import asyncio

import pytest

from callmissed.app.http_protocol import MOST_HEAD
from callmissed.billing import grant
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from tests.support.keys import make_key
from tests.support.people import workspace_of_someone
from tests.support.raw import said_back

pytestmark = pytest.mark.database

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /v1/models HTTP/1.1\r\n" + HOST
POST = b"POST /v1/embeddings HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
ASKING = b"Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"
SECOND = b"OPTIONS /v1/models HTTP/1.1\r\n" + HOST + ASKING
"""Answered with 204 to anybody."""

NO_REQUESTS = {
    "length-and-parts": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "parts-and-length": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded-parts": POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "parts-of-another-name": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "parts-then-packed": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "parts-twice": CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "space-before-colon": POST + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "odd-space-before-parts": POST + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two-lengths": POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "listed-lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed-length": POST + b"Content-Length: +2\r\n\r\n{}",
    "negative-length": POST + b"Content-Length: -2\r\n\r\n{}",
    "length-in-hex": POST + b"Content-Length: 0x2\r\n\r\n{}",
    "endless-length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "empty-length": POST + b"Content-Length:\r\n\r\n{}",
    "part-of-no-size": CHUNKED + b"\r\nzz\r\n\r\n",
    "part-in-hex": CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "part-below-zero": CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
    "endless-part": CHUNKED + b"\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "part-with-bare-ends": CHUNKED + b"\r\n2\n{}\n0\n\n",
    "part-longer-than-said": CHUNKED + b"\r\n2\r\n{}xx\r\n0\r\n\r\n",
    "no-name": GET + b": x\r\n\r\n",
    "no-colon": GET + b"Authorization\r\n\r\n",
    "space-in-name": GET + b"X-A B: c\r\n\r\n",
    "folded": GET + b"Origin: https://a.example\r\n X-Planted: 1\r\n\r\n",
    "return-in-value": GET + b"Origin: https://a.example\rX-Planted: 1\r\n\r\n",
    "line-in-value": GET + b"Origin: https://a.example\nX-Planted: 1\r\n\r\n",
    "nul-in-value": GET + b"Origin: https://a.example\0X-Planted: 1\r\n\r\n",
    "control-in-value": GET + b"Origin: https://a.example\x0b\x7f\r\n\r\n",
    "two-hosts": GET + b"Host: other.example\r\n\r\n",
    "nul-in-address": b"GET /v1/\0models HTTP/1.1\r\n" + HOST + b"\r\n",
    "space-in-address": b"GET /v1/mo dels HTTP/1.1\r\n" + HOST + b"\r\n",
    "address-without-end": b"GET /" + b"x" * 600_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "another-protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version-of-the-future": b"GET /v1/models HTTP/9.9\r\n" + HOST + b"\r\n",
}  # fmt: skip


async def test_what_can_be_read_in_two_ways_is_read_in_none(live_server: str) -> None:
    names = list(NO_REQUESTS)
    found = await asyncio.gather(*(said_back(live_server, NO_REQUESTS[name] + SECOND) for name in names))
    for name, back in zip(names, found, strict=True):
        assert b"x-planted" not in back.content.lower(), name
        if name == "two-hosts":  # the edge says so; the next request on the connection is a request
            assert back.statuses[0] == 400
            continue
        assert back.statuses[-1:] == [400], (name, back)
        assert 204 not in back.statuses, (name, back)
        assert back.closed, name


async def test_requests_in_a_row_are_each_answered_in_turn(live_server: str) -> None:
    body = POST + b"Content-Length: 2\r\n\r\n{}"
    back = await said_back(live_server, GET + b"\r\n" + body + SECOND + GET + b"\r\n")
    assert back.statuses == [401, 401, 204, 401]
    asked = GET + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA\r\n\r\n"
    assert (await said_back(live_server, asked + SECOND)).statuses == [401]


@pytest.mark.parametrize(
    "head", [b"GET /v1/models HTTP/1.1\r\nX: ", b"GET /v1/models HTTP/1.1\r\n", b"GET /"], ids=["value", "names", "address"]
)  # fmt: skip
async def test_a_head_that_does_not_end_is_not_kept(head: bytes, live_server: str) -> None:
    more = b"x: y\r\n" if head.endswith(b"\n") else b"x" * 8
    back = await said_back(live_server, head + more * (3 * MOST_HEAD // len(more)))
    assert back.closed
    assert back.statuses in ([400], [])  # the answer may be lost to a sender who does not read


async def test_a_long_body_and_many_requests_are_no_long_head(live_server: str) -> None:
    long = POST + b"Content-Length: 2000000\r\n\r\n" + b" " * 2_000_000
    assert (await said_back(live_server, (long + SECOND) * 2)).statuses == [401, 204] * 2


async def test_what_follows_a_body_is_no_header(live_server: str, live_services: Services) -> None:
    access = await workspace_of_someone(live_services)
    made = await make_key(live_services, access)
    async with live_services.db.tenant(access) as tx:
        await grant(tx, rupees("5"), "grant", uuid7())
    known = b"Authorization: Bearer " + made.secret.encode() + b"\r\n"
    body = b'{"model": "local/lexical", "input": "x"}'
    parts = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
    late = b"Idempotency-Key: planted\r\nOrigin: https://planted.example\r\n\r\n"
    back = await said_back(live_server, CHUNKED + known + b"\r\n" + parts + late, 2)
    assert back.statuses == [200]
    assert b"planted" not in back.content
    twice = await said_back(live_server, CHUNKED + known + b"\r\n" + parts + late, 2)
    assert b"idempotency-replayed" not in twice.content


PLACES = {
    b"/v1/../api/v1/wallet": 401,
    b"/v1/%2e%2e/api/v1/wallet": 401,
    b"/v1/models%0d%0aX-Planted:1": 401,
    b"/static/%2e%2e/%2e%2e/settings.py": 404,
    b"/static/..%2f..%2fsettings.py": 404,
    b"//v1/models": 404,
    b"//other.example/docs/": 404,
    b"/%2f/other.example/": 404,
    b"/V1/models": 404,
    b"/v1/" + b"x" * 60_000: 401,
}
"""Addresses, and what nobody is answered there: below /v1/ that a key is missing, whatever follows."""


async def test_no_address_leads_elsewhere(live_server: str) -> None:
    for address, status in PLACES.items():
        back = await said_back(live_server, b"GET " + address + b" HTTP/1.1\r\n" + HOST + b"\r\n", 0.1)
        assert back.statuses == [status], address[:60]
        assert b"x-planted" not in back.content.lower()
        assert b"\nlocation:" not in back.content.lower()
