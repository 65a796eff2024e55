"""Any server that speaks OpenAI's chat completions: OpenAI, Azure OpenAI, Sarvam, vLLM, Ollama and many more.

The body travels on as it came, with the model's own name in it. What the supplier says about its errors stays here: it may
quote our key or another customer. Every wait has an end.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import ConnectError, ConnectTimeoutError, PyreqwestError
from pyreqwest.response import Response

from callmissed.foundation.problems import Problem
from callmissed.gateway.problems import (
    UpstreamBroken,
    UpstreamBusy,
    UpstreamRefused,
    UpstreamRejected,
    UpstreamSlow,
    UpstreamUnreachable,
)
from callmissed.gateway.upstreams.gate import Gate
from callmissed.gateway.upstreams.protocol import Asked, Piece, Replied, Terms, Work, Worked

log = logging.getLogger(__name__)

CHAT = "/chat/completions"
LARGEST_REPLY = 16_000_000
LARGEST_EVENT = 4_000_000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the first byte of the reply, between two bytes, and for everything together."""

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 30.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is: `base_url` up to and with /v1, and the header that carries the key (`{"authorization": "Bearer …"}`)."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    asks_usage: bool = True


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Said(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Said | None = None
    delta: _Said | None = None


class _Document(msgspec.Struct):
    choices: msgspec.Raw = msgspec.Raw(b"[]")
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw(b"null")


_document = msgspec.json.Decoder(_Document)
_choices = msgspec.json.Decoder(list[_Choice])


class OpenAICompatible:
    """One server. `terms` are its own; several servers of one supplier are several upstreams."""

    def __init__(
        self, terms: Terms, server: Server, timeouts: Timeouts | None = None, gate: Gate | None = None
    ) -> None:
        self.terms = terms
        self._gate = gate or Gate()
        self._server = server
        self._timeouts = timeouts or Timeouts()
        self._client: Client | None = None

    def check(self, asked: Asked) -> None:
        """Everything may travel on; the server knows best what it supports."""

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer, read up to 16 MB."""
        async with self._gate:
            document, text = _read(await self._whole(CHAT, self._chat(asked, stream=False)))
            if bytes(document.choices) == b"[]":
                raise UpstreamBroken
        used = document.usage
        return Replied(
            bytes(document.choices),
            text,
            used.prompt_tokens if used else None,
            used.completion_tokens if used else None,
        )

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer as the server sends it. Raises UpstreamBroken when it ends without saying that it is complete."""
        async with self._gate, self._sent(CHAT, self._chat(asked, stream=True)) as response:
            async for event in _events(self._chunks(response)):
                if event == b"[DONE]":
                    return
                document, text = _read(event)
                used = document.usage
                if bytes(document.choices) != b"[]" or used:
                    yield Piece(
                        bytes(document.choices) if bytes(document.choices) != b"[]" else b"",
                        text,
                        used.prompt_tokens if used else None,
                        used.completion_tokens if used else None,
                    )
        raise UpstreamBroken

    async def work(self, work: Work) -> Worked:
        """The document that answers a request of another kind, read up to 16 MB."""
        async with self._gate:
            found = await self._whole(work.path, {**work.extra, "model": work.model})
            used = _read(found)[0].usage
        return Worked(found, used.prompt_tokens if used else None, used.completion_tokens if used else None)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _whole(self, path: str, body: Mapping[str, Any]) -> bytes:
        parts: list[bytes] = []
        size = 0
        async with self._sent(path, body) as response:
            async for chunk in self._chunks(response):
                parts.append(chunk)
                size += len(chunk)
                if size > LARGEST_REPLY:
                    raise UpstreamBroken
        return b"".join(parts)

    @asynccontextmanager
    async def _sent(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Response]:
        """The response to a request, once its status is good. Translates every failure into a Problem."""
        opened, before = self._request(path, body).build_streamed(), _cancellations()
        try:
            async with asyncio.timeout(self._timeouts.first_byte):
                response = await opened.__aenter__()
            try:
                _heed_cancellation(before)
                if response.status != 200:
                    raise self._refusal(response)
                yield response
            finally:
                await opened.__aexit__(None, None, None)
        except TimeoutError:
            raise UpstreamSlow from None
        except (ConnectError, ConnectTimeoutError):
            raise UpstreamUnreachable from None
        except PyreqwestError as failure:
            log.warning("upstream %s broke: %s", self.terms.name, type(failure).__name__)
            raise UpstreamBroken from None

    def _chat(self, asked: Asked, *, stream: bool) -> dict[str, Any]:
        body: dict[str, Any] = {**asked.extra, "model": asked.model, "messages": asked.messages}
        if stream:
            body["stream"] = True
            if self._server.asks_usage:
                body["stream_options"] = {"include_usage": True}
        return body

    def _request(self, path: str, body: Mapping[str, Any]) -> Any:
        client = self._connected()
        builder = client.post(f"{self._server.base_url.rstrip('/')}{path}")
        builder = builder.header("content-type", "application/json").streamed_read_buffer_limit(0)
        for name, value in self._server.headers.items():
            builder = builder.header(name, value)
        return builder.body_bytes(msgspec.json.encode(body))

    def _connected(self) -> Client:
        if self._client is None:
            connect = timedelta(seconds=self._timeouts.connect)
            builder = ClientBuilder().connect_timeout(connect).tcp_nodelay(True).no_proxy()
            self._client = builder.follow_redirects(False).pool_idle_timeout(timedelta(seconds=30)).build()
        return self._client

    def _refusal(self, response: Response) -> Problem:
        """What a bad status means for our caller. The supplier's own words are not passed on."""
        log.warning("upstream %s answered %d", self.terms.name, response.status)
        if response.status in (429, 503, 529):
            after = response.get_header("retry-after") or ""
            return UpstreamBusy(retry_after=min(int(after), 600) if after.isdecimal() else 5)
        if response.status in (401, 402, 403):
            return UpstreamRefused()
        if response.status in (400, 404, 413, 422):
            return UpstreamRejected()
        return UpstreamBroken.before_answering()

    async def _chunks(self, response: Response) -> AsyncGenerator[bytes]:
        reader, before = response.body_reader, _cancellations()
        ends_at = time.monotonic() + self._timeouts.total
        while True:
            # Around each wait, never around a yield: a deadline must not fall on whoever reads from us.
            async with asyncio.timeout(min(self._timeouts.idle, max(0.0, ends_at - time.monotonic()))):
                chunk = await reader.read_chunk()
            _heed_cancellation(before)
            if chunk is None:
                return
            yield bytes(chunk)


def _cancellations() -> int:
    """How often this task has been asked to stop."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _heed_cancellation(before: int) -> None:
    """Stop when this task was asked to meanwhile.

    The client loses a cancellation that meets the arrival of what it waited for; the task's own count does not.
    """
    if _cancellations() > before:
        raise asyncio.CancelledError


async def _events(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The data of each server-sent event (WHATWG HTML §9.2), however the bytes were cut."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        if len(rest) > LARGEST_EVENT:
            raise UpstreamBroken
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if rest.startswith(b"data:"):
        yield rest[5:].strip()


def _read(data: bytes) -> tuple[_Document, str]:
    """A document or event, and the text in it. Raises UpstreamBroken for what is none, or is an error under status 200."""
    try:
        document = _document.decode(data)
        said = [each.message or each.delta for each in _choices.decode(document.choices)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken from None
    if bytes(document.error) != b"null":
        raise UpstreamBroken
    return document, "".join(each.content for each in said if each and each.content)
