"""Anthropic's own servers, or others that speak its Messages API: asked in that language, answering in OpenAI's.

Errors stay here as those of other upstreams do. Tokens that were read from or written to the supplier's cache are tokens read.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final, Self

import msgspec

from callmissed.foundation.problems import Problem
from callmissed.gateway.problems import Unsupported, UpstreamBroken, UpstreamBusy
from callmissed.gateway.upstreams.altered import altered
from callmissed.gateway.upstreams.answers import LARGEST_REPLY, USUAL_WAIT, events, refusal
from callmissed.gateway.upstreams.anthropic_request import Manner, request
from callmissed.gateway.upstreams.gate import UNGUARDED, Gate
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.http_connection import Answer
from callmissed.gateway.upstreams.protocol import Asked, Piece, Replied, Terms, Work, Worked
from callmissed.gateway.upstreams.sound import TextOnly
from callmissed.gateway.upstreams.taking import OwnKeys, taken

FINISHES: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Anthropic's reasons for the end to OpenAI's."""

BUSY: Final = {"overloaded_error", "rate_limit_error"}


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def read(self) -> int | None:
        """Tokens read, cached or not; None where nothing is said of them."""
        if self.input_tokens is None:
            return None
        return (
            self.input_tokens + (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
        )


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Message(msgspec.Struct):
    type: str
    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage = msgspec.field(default_factory=_Usage)


class _Begun(msgspec.Struct):
    usage: _Usage = msgspec.field(default_factory=_Usage)


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Error(msgspec.Struct):
    type: str = ""


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    message: _Begun | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_message = msgspec.json.Decoder(_Message)
_event = msgspec.json.Decoder(_Event)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Anthropic(TextOnly):
    """One server. `client` points to its address up to and with /v1, and carries its key; `manner` says how models are asked.

    `own_keys`: whether tenants may, or must, bring keys of their own.
    """

    def __init__(
        self,
        terms: Terms,
        client: Client,
        manner: Manner,
        gate: Gate | None = None,
        own_keys: OwnKeys = "no",
    ) -> None:
        self.terms = terms
        self.taking = taken(own_keys, client, self.with_key)
        self._client = client
        self._manner = manner
        self._gate = gate or Gate()

    def with_key(self, secret: str) -> Self:
        """The same server on the account of this key."""
        return altered(self, _client=self._client.with_key(secret), _gate=UNGUARDED)

    def check(self, asked: Asked) -> None:
        """Refuse what has no word in Anthropic's language. Raises Unsupported and RequestInvalid."""
        request(asked, self._manner, stream=False)

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer."""
        async with self._gate:
            with await self._sent(asked, stream=False) as answer:
                body = await answer.whole(LARGEST_REPLY)
            try:
                message = _message.decode(body)
            except UNREADABLE:
                raise UpstreamBroken from None
            if message.type != "message":
                raise UpstreamBroken
        text = _text(message.content)
        return Replied(_choices(message, text), text, message.usage.read, message.usage.output_tokens)

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer as it comes. Raises UpstreamBroken when it ends without saying that it is complete."""
        async with self._gate:
            with await self._sent(asked, stream=True) as answer:
                reader = _Reader()
                async for data in events(answer):
                    event = _readable(data)
                    if event.type == "message_stop":
                        answer.end(soon=True)
                        return
                    for piece in reader.pieces(event):
                        yield piece
        raise UpstreamBroken

    async def work(self, work: Work) -> Worked:
        """There is no such model in this language. Raises Unsupported."""
        del work
        raise Unsupported(param="model")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _sent(self, asked: Asked, *, stream: bool) -> Answer:
        body = msgspec.json.encode(request(asked, self._manner, stream=stream))
        answer = await self._client.post("/messages", body)
        if answer.status != 200:
            answer.end()
            raise refusal(self.terms.name, answer)
        return answer


class _Reader:
    """Events of one stream to pieces. Calls of tools are counted there among all blocks, here among themselves."""

    def __init__(self) -> None:
        self._begun = False
        self._read: int | None = None
        self._calls: dict[int, int] = {}
        self._silent: set[int] = set()

    def pieces(self, event: _Event) -> Iterator[Piece]:
        """What an event adds. Raises UpstreamBusy and UpstreamBroken for the event of an error."""
        if event.error is not None or event.type == "error":
            raise self._problem(event.error or _Error())
        if event.message is not None:
            self._read = event.message.usage.read
        elif event.type == "content_block_start" and event.content_block is not None:
            yield from self._opened(event.index, event.content_block)
        elif event.type == "content_block_delta" and event.delta is not None:
            yield from self._added(event.index, event.delta)
        elif event.type == "content_block_stop" and event.index in self._silent:
            yield self._arguments(event.index, "{}")  # nothing was written of them, and nothing is no JSON
        elif event.type == "message_delta" and event.delta is not None:
            yield self._ended(event.delta, event.usage or _Usage())

    def _opened(self, index: int, block: _Block) -> Iterator[Piece]:
        if block.type == "tool_use":
            self._calls[index] = len(self._calls)
            self._silent.add(index)
            function = {"name": block.name, "arguments": ""}
            call = {"index": self._calls[index], "id": block.id, "type": "function", "function": function}
            yield self._piece({"tool_calls": [call]})
        elif block.text:
            yield self._piece({"content": block.text}, block.text)

    def _added(self, index: int, delta: _Delta) -> Iterator[Piece]:
        if delta.text:
            yield self._piece({"content": delta.text}, delta.text)
        elif delta.thinking:
            yield self._piece({"reasoning_content": delta.thinking})
        elif delta.partial_json and index in self._calls:
            yield self._arguments(index, delta.partial_json)

    def _arguments(self, index: int, written: str) -> Piece:
        self._silent.discard(index)
        call = {"index": self._calls[index], "function": {"arguments": written}}
        return self._piece({"tool_calls": [call]})

    def _ended(self, delta: _Delta, used: _Usage) -> Piece:
        self._read = used.read if used.read is not None else self._read
        return self._piece(
            {}, finish=FINISHES.get(delta.stop_reason or "", "stop"), tokens_out=used.output_tokens
        )

    def _piece(
        self, delta: dict[str, Any], text: str = "", finish: str | None = None, tokens_out: int | None = None
    ) -> Piece:
        said = delta if self._begun else {"role": "assistant", **delta}
        self._begun = True
        choice = {"index": 0, "delta": said, "logprobs": None, "finish_reason": finish}
        return Piece(msgspec.json.encode([choice]), text, self._read, tokens_out)

    def _problem(self, error: _Error) -> Problem:
        """Before anything was said another may be asked; later it is an answer that broke off."""
        if self._begun:
            return UpstreamBroken()
        return (
            UpstreamBusy(retry_after=USUAL_WAIT) if error.type in BUSY else UpstreamBroken.before_answering()
        )


def _readable(data: bytes) -> _Event:
    try:
        return _event.decode(data)
    except UNREADABLE:
        raise UpstreamBroken from None


def _text(blocks: Sequence[_Block]) -> str:
    return "".join(block.text for block in blocks if block.type == "text")


def _choices(message: _Message, text: str) -> bytes:
    """The answer as OpenAI writes it. Blocks of the supplier's own tools have no word there."""
    calls = [
        {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": bytes(block.input).decode()}}
        for block in message.content
        if block.type == "tool_use"
    ]  # fmt: skip
    thought = "".join(block.thinking for block in message.content if block.type == "thinking")
    said: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
    said |= {"reasoning_content": thought} if thought else {}
    said |= {"tool_calls": calls} if calls else {}
    finish = FINISHES.get(message.stop_reason or "", "stop")
    return msgspec.json.encode([{"index": 0, "message": said, "logprobs": None, "finish_reason": finish}])
