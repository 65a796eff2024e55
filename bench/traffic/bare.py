"""The smallest servers on the libraries that the gateway stands on, to tell what those cost from what the gateway adds.

`python -m bench.traffic.bare PORT UPSTREAM`: without an upstream (0) it answers by itself; with one it reads the request,
asks there with the gateway's own client, and passes the answer on. No key, no limit, no wallet, no record.
"""

import sys

import msgspec
import uvicorn
from starlette.types import Receive, Scope, Send

from bench.traffic.programs import ANSWER
from callmissed.app.http_protocol import Protocol
from callmissed.gateway.upstreams.http_client import Client

ALONE = msgspec.json.encode({"choices": [{"message": {"content": ANSWER.ljust(500, ".")}}]})
JSON = (b"content-type", b"application/json")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Bare:
    """One of them."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._client: Client | None = None

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = (await receive())["body"]
        if self._upstream:
            body = await self._passed_on(body)
        else:
            body = ALONE
        head = [JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def _passed_on(self, body: bytes) -> bytes:
        self._client = self._client or Client(f"http://127.0.0.1:{self._upstream}/v1")
        members = _members.decode(body)
        with await self._client.post("/chat/completions", msgspec.json.encode(members)) as answer:
            return msgspec.json.encode(_members.decode(await answer.whole(1_000_000)))


def main() -> None:
    """Serve until it is ended."""
    port, upstream = int(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(
        Bare(upstream),
        port=port,
        http=Protocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main()
