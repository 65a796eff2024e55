"""Of each workspace only so many bytes are in memory at a time, however many calls they are in; what is refused leaves nothing behind."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Message, Scope

from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Malformed
from callmissed.gateway.problems import TooMuchAtOnce
from callmissed.gateway.surface_bodies import MOST_BYTES, SMALL, Bodies, read_body
from tests.rooms.gateway.conftest import OpenShop
from tests.support.patience import until

TENANT = uuid7()


def part(body: bytes, *, more: bool = True) -> Message:
    """A part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


async def read(bodies: Bodies, messages: Sequence[Message], length: int | None = None) -> bytes:
    """Read a body that comes in these parts."""
    coming = iter(messages)
    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    scope: Scope = {"type": "http", "headers": headers}

    async def receive() -> Message:
        return next(coming)

    with bodies.room(TENANT) as room:
        return await read_body(scope, receive, room)


async def test_what_is_announced_has_room_before_it_is_waited_for() -> None:
    bodies = Bodies(most=1_000_000)
    with bodies.room(TENANT) as other:
        other.up_to(600_000)
        with pytest.raises(TooMuchAtOnce):
            await read(bodies, [part(b"x" * 10)], 400_001)
        with bodies.room(uuid7()) as stranger:
            stranger.up_to(1_000_000)
        assert await read(bodies, [part(b"x" * 10), part(b"y" * 10, more=False)], 20) == b"x" * 10 + b"y" * 10
    assert await read(bodies, [part(b"x" * 10), part(b"", more=False)], 1_000_000) == b"x" * 10


async def test_what_nobody_announced_is_counted_as_it_comes() -> None:
    bodies = Bodies(most=100_000)
    for _ in range(3):  # and nothing of it stays counted
        with pytest.raises(TooMuchAtOnce):
            await read(bodies, [part(b"x" * 60_000), part(b"x" * 60_000)])
    assert len(await read(bodies, [part(b"x" * 60_000), part(b"x" * 40_000, more=False)])) == 100_000
    with pytest.raises(TooMuchAtOnce):
        await read(bodies, [part(b"x" * 100_001, more=False)])
    assert len(await read(Bodies(most=1), [part(b"x" * SMALL, more=False)])) == SMALL


async def test_half_a_body_is_no_body() -> None:
    bodies = Bodies(most=100_000)
    for before in ([], [part(b'{"a": 1}')]):
        with pytest.raises(Malformed):
            await read(bodies, [*before, {"type": "http.disconnect"}], 100_000)


async def test_large_uploads_wait_for_one_another(base_url: str, open_shop: OpenShop) -> None:
    shop, other = await open_shop(), await open_shop()
    size = MOST_BYTES // 4
    place = urlsplit(base_url)
    head = f"POST /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {shop.key}\r\nContent-Length: {size}\r\n\r\n"
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:

        async def upload(key: str) -> httpx.Response:
            return await client.post(
                "/v1/files", content=b" " * size, headers={"authorization": f"Bearer {key}"}
            )

        assert (await upload(shop.key)).status_code == 400  # it is no form, but it was read
        slow = [await asyncio.open_connection(place.hostname, place.port) for _ in range(4)]
        for _, writer in slow:
            writer.write(head.encode() + b" " * 2 * SMALL)
        await asyncio.sleep(0.5)
        full = await upload(shop.key)
        assert (full.status_code, full.json()["error"]["code"]) == (429, "too_much_at_once")
        assert full.headers["retry-after"] == "1"
        assert (await upload(other.key)).status_code == 400
        slow[0][1].write(b" " * (size - 2 * SMALL))
        assert b"HTTP/1.1 400" in await slow[0][0].read(12)
        for _, writer in slow:
            writer.close()

        async def is_free() -> bool:
            return (await upload(shop.key)).status_code == 400

        assert await until(is_free)
