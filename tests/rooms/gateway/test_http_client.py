"""The client towards upstreams, against servers that do what servers do: answers of every kind, and every way to go wrong."""

import asyncio

import pytest
import uvloop

from callmissed.gateway.problems import UpstreamBroken, UpstreamSlow, UpstreamUnreachable
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.http_connection import Timeouts
from tests.support.installation import free_port
from tests.support.scripted import Scripted, always, scripted

OK = b"HTTP/1.1 200 OK\r\n"
FINE = OK + b"content-length: 4\r\n\r\nfine"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
QUICK = Timeouts(connect=0.3, first_byte=0.3, idle=0.3, total=0.8)
LIMIT = 1_000_000


def client_of(server: Scripted, timeouts: Timeouts = QUICK) -> Client:
    return Client(f"http://127.0.0.1:{server.port}/v1", {"authorization": "Bearer key"}, timeouts)


async def asked(client: Client, limit: int = LIMIT) -> bytes:
    with await client.post("/chat", b"{}") as answer:
        return await answer.whole(limit)


async def in_pieces(client: Client) -> list[bytes]:
    pieces: list[bytes] = []
    with await client.post("/chat", b"{}") as answer:
        while piece := await answer.chunk():
            pieces.append(piece)
    return pieces


async def test_a_request_goes_out_as_it_should_and_connections_are_kept() -> None:
    async with scripted(always(FINE)) as server:
        client = client_of(server)
        assert [await asked(client) for _ in range(3)] == [b"fine"] * 3
        with await client.get("/models") as answer:
            assert (answer.status, answer.header(b"content-length")) == (200, "4")
            assert await answer.whole(LIMIT) == b"fine"
        assert server.made == 1
        await client.close()
        await server.closed()
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"POST /v1/chat HTTP/1.1"
    assert set(head.splitlines()[1:]) == {
        b"host: 127.0.0.1:%d" % server.port, b"accept-encoding: identity", b"user-agent: callmissed",
        b"authorization: Bearer key", b"content-type: application/json", b"content-length: 2",
    }  # fmt: skip
    assert body == b"{}"
    assert server.requests[3].startswith(b"GET /v1/models HTTP/1.1\r\n")


def test_it_works_on_the_other_event_loop_too() -> None:
    async def work() -> bytes:
        async with scripted(always(FINE)) as server:
            client = client_of(server)
            await asked(client)
            said = await asked(client)
            assert server.made == 1
            await client.close()
            await server.closed()
            return said

    assert uvloop.run(work()) == b"fine"


ANSWERS = {
    "with a length": (FINE, b"fine", 1),
    "in chunks": (CHUNKED + b"2\r\nfi\r\n2;x=y\r\nne\r\n0\r\nlate: header\r\n\r\n", b"fine", 1),
    "after others": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n" + FINE,
        b"fine",
        1,
    ),
    "empty": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", 1),
    "of length nothing": (OK + b"content-length: 0\r\n\r\n", b"", 1),
    "of HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nfine", b"fine", 2),
    "that closes": (OK + b"connection: close\r\ncontent-length: 4\r\n\r\nfine", b"fine", 2),
    "with more than it says": (FINE + FINE, b"fine", 2),
    "with a rest that is nothing": (FINE + b"rest\r\n", b"fine", 2),
}


@pytest.mark.parametrize("which", ANSWERS)
async def test_answers_are_read_to_where_they_end(which: str) -> None:
    answer, body, connections = ANSWERS[which]
    async with scripted(always(answer)) as server:
        client = client_of(server)
        assert [await asked(client), await asked(client)] == [body, body]
        assert server.made == connections, (
            "a connection is used again only after an answer that ended cleanly"
        )
        assert len(server.requests) == 2
        await client.close()


@pytest.mark.parametrize("which", ANSWERS)
async def test_answers_may_come_byte_by_byte(which: str) -> None:
    answer, body, _ = ANSWERS[which]
    async with scripted(always(*(bytes([each]) for each in answer))) as server:
        client = client_of(server)
        assert await asked(client) == body
        await client.close()
        await server.closed()


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async with scripted(always(OK + b"\r\nfi", b"ne", pause=0.01, close=True)) as server:
        client = client_of(server)
        assert await asked(client) == b"fine"
        assert b"".join(await in_pieces(client)) == b"fine"
        assert server.made == 2


BROKEN = {
    "shorter than it says": (OK + b"content-length: 9\r\n\r\nfine",),
    "chunks that break off": (CHUNKED + b"4\r\nfine\r\n",),
    "a chunk of no size": (CHUNKED + b"x\r\nfine\r\n0\r\n\r\n",),
    "two lengths": (OK + b"content-length: 4\r\ncontent-length: 5\r\n\r\nfine!",),
    "length and chunks": (
        OK + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
    ),
    "another coding": (OK + b"transfer-encoding: gzip\r\n\r\nfine",),
    "compressed": (OK + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nfine",),
    "no HTTP": (b"220 mail.example ESMTP\r\n",),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",),
    "half a head": (OK + b"content-le",),
}


@pytest.mark.parametrize("which", BROKEN)
async def test_what_is_no_answer_is_broken_and_its_connection_closed(which: str) -> None:
    async with scripted(always(*BROKEN[which], close=True)) as server:
        client = client_of(server)
        for ask in (asked, in_pieces):
            with pytest.raises(UpstreamBroken) as caught:
                await ask(client)
            assert caught.value.answered
        await server.closed()
        assert (server.made, len(server.requests)) == (2, 2), "a request is written once"


ENDLESS = {
    "a head without end": (OK, *[b"x: " + b"y" * 1000 + b"\r\n"] * 100),
    "a header without end": (OK + b"x: ", *[b"y" * 10_000] * 20),
    "an end without end": (CHUNKED + b"0\r\n", *[b"x: " + b"y" * 1000 + b"\r\n"] * 100),
    "a chunk's note without end": (CHUNKED + b"4;", *[b"y" * 10_000] * 20),
}


@pytest.mark.parametrize("which", ENDLESS)
async def test_what_has_no_end_is_not_waited_for(which: str) -> None:
    """It is broken as soon as too much has passed: the server neither closes nor falls silent first."""
    async with scripted(always(*ENDLESS[which])) as server:
        with pytest.raises(UpstreamBroken):
            await asked(client_of(server))
        await server.closed()


async def test_a_redirect_is_an_answer_like_another() -> None:
    there = b"HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    async with scripted(always(there)) as server:
        with await client_of(server).post("/chat", b"{}") as answer:
            assert answer.status == 307


SLOW = {
    "before it answers": ((b"",), 30.0, 0.3),
    "within the head": ((OK,), 30.0, 0.3),
    "within the body": ((OK + b"content-length: 9\r\n\r\nfine",), 30.0, 0.3),
    "on and on": ((CHUNKED, *[b"1\r\nx\r\n"] * 100), 0.05, 0.8),
}


@pytest.mark.parametrize("which", SLOW)
async def test_every_wait_has_an_end(which: str) -> None:
    parts, pause, seconds = SLOW[which]
    loop = asyncio.get_running_loop()
    async with scripted(always(*parts, pause=pause)) as server:
        client, began = client_of(server), loop.time()
        with pytest.raises(UpstreamSlow):
            await asked(client)
        assert seconds - 0.05 < loop.time() - began < seconds + 0.5


async def test_a_pause_is_measured_by_its_own_rule() -> None:
    loop = asyncio.get_running_loop()
    patient = Timeouts(connect=1, first_byte=20, idle=0.3, total=30)
    async with scripted(always(OK + b"content-length: 9\r\n\r\nfine", pause=30)) as server:
        began = loop.time()
        with pytest.raises(UpstreamSlow):
            await asked(client_of(server, patient))
        assert loop.time() - began < 2


async def test_what_arrives_in_time_each_time_is_not_slow() -> None:
    async with scripted(always(CHUNKED, *[b"1\r\nx\r\n"] * 5, b"0\r\n\r\n", pause=0.1)) as server:
        assert await in_pieces(client_of(server)) == [b"x"] * 5


async def test_the_clock_stands_still_while_the_reader_takes_its_time() -> None:
    """Deadlines fall on the server. A reader that is slow makes it wait, and is not cut off for it."""
    block = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    patient = Timeouts(connect=1, first_byte=0.3, idle=0.3, total=30)
    async with scripted(always(CHUNKED, *[block] * 300, b"0\r\n\r\n")) as server:
        client = client_of(server, patient)
        with await client.post("/chat", b"{}") as answer:
            read = len(await answer.chunk())
            await asyncio.sleep(1)
            assert server.sent < 12_000_000, "the server is made to wait once buffers are full"
            while piece := await answer.chunk():
                read += len(piece)
        assert read == 300 * 65_536
        await client.close()


async def test_an_answer_that_is_too_long_is_not_taken() -> None:
    block = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    async with scripted(always(CHUNKED, *[block] * 800)) as server:
        with pytest.raises(UpstreamBroken):
            await asked(client_of(server, Timeouts()), limit=2_000_000)
        await server.closed()
        assert server.sent < 20_000_000, "50 MB were there to be sent"


async def test_nobody_there() -> None:
    for address in (f"http://127.0.0.1:{free_port()}", "http://name.invalid", f"http://{'x' * 70}.example"):
        with pytest.raises(UpstreamUnreachable):
            await asked(Client(address, timeouts=Timeouts(connect=2)))


async def test_a_connection_lost_before_the_first_byte_is_not_asked_twice() -> None:
    async with scripted(always(close=True)) as server:
        with pytest.raises(UpstreamUnreachable):
            await asked(client_of(server))
        assert len(server.requests) == 1


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    async with scripted(always(FINE, close=True)) as server:
        client = client_of(server)
        for _ in range(3):
            assert await asked(client) == b"fine"
            await asyncio.sleep(0.05)
        assert server.made == 3


@pytest.mark.parametrize("begun", [b"", CHUNKED + b"1\r\nx\r\n"], ids=["before", "within"])
async def test_a_cancelled_call_closes_its_connection_at_once(begun: bytes) -> None:
    async with scripted(always(begun, pause=30)) as server:
        client = client_of(server, Timeouts())
        for number, started in enumerate((asked(client), in_pieces(client)), 1):
            task = asyncio.create_task(started)
            while len(server.requests) < number:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.closed()


async def test_what_nobody_asked_for_is_never_an_answer() -> None:
    late = OK + b"content-length: 5\r\n\r\nother"
    async with scripted(always(FINE, late, pause=0.05)) as server:
        client = client_of(server)
        assert await asked(client) == b"fine"
        await asyncio.sleep(0.15)
        assert await asked(client) == b"fine"
        assert server.made == 2


async def test_a_client_that_was_closed_keeps_nothing() -> None:
    async with scripted(always(FINE)) as server:
        client = client_of(server)
        with await client.post("/chat", b"{}") as answer:
            await client.close()
            assert await answer.whole(LIMIT) == b"fine"
        await server.closed()


async def test_a_reader_who_has_seen_the_last_event_keeps_the_connection() -> None:
    async with scripted(always(CHUNKED + b"4\r\nlast\r\n", b"0\r\n\r\n", pause=0.05)) as server:
        client = client_of(server)
        for _ in range(3):
            with await client.post("/chat", b"{}") as answer:
                assert await answer.chunk() == b"last"
                answer.end(soon=True)
            await asyncio.sleep(0.1)
        assert server.made == 1
        await client.close()
        await server.closed()


@pytest.mark.parametrize("rest", [b"", b"10000\r\n" + b"x" * 65_536 + b"\r\n"], ids=["silent", "talkative"])
async def test_an_end_that_does_not_come_costs_the_connection(rest: bytes) -> None:
    async with scripted(always(CHUNKED + b"4\r\nlast\r\n", *[rest] * 50, pause=0.01)) as server:
        with await client_of(server, Timeouts()).post("/chat", b"{}") as answer:
            await answer.chunk()
            answer.end(soon=True)
        await server.closed()
        assert server.sent < 1_500_000, "3 MB were there to be sent"


async def test_a_caller_never_sees_what_was_meant_for_another() -> None:
    """Many at once, with every second one leaving early: each reads what belongs to its own request."""

    async def echo(server: Scripted, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await server.request(reader)
            await asyncio.sleep(0.002)
            writer.write(CHUNKED + b"%x\r\n%s\r\n" % (len(body), body))
            await writer.drain()
            await asyncio.sleep(0.002)
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    async with scripted(echo) as server:
        client = client_of(server, Timeouts())

        async def call(number: int) -> None:
            said = b"%d" % number * 10
            with await client.post("/chat", said) as answer:
                if number % 2:
                    assert await answer.chunk() == said
                    answer.end(soon=number % 3 == 0)
                else:
                    assert await answer.whole(LIMIT) == said * 2

        for _ in range(5):
            await asyncio.gather(*(call(number) for number in range(40)))
        await client.close()
        await server.closed()
        assert len(server.requests) == 200


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("ftp://127.0.0.1", {}), ("http:///v1", {}), ("http://127.0.0.1/\x00", {}),
        ("http://127.0.0.1", {"authorization": "Bearer key\r\nx: y"}), ("http://127.0.0.1", {"x\ny": "z"}),
    ],
    ids=["scheme", "no host", "path", "value", "name"],
)  # fmt: skip
def test_what_cannot_stand_in_a_head_is_refused_before_anything_is_sent(
    address: str, headers: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="upstream"):
        Client(address, headers)
