"""Any server that speaks OpenAI's chat completions: OpenAI, Azure OpenAI, Sarvam, vLLM, Ollama and many more.

The body travels on as it came, with the model's own name in it. What the supplier says about its errors stays here: it may
quote our key or another customer. Every wait has an end.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from callmissed.gateway.problems import UpstreamBroken
from callmissed.gateway.upstreams.altered import altered
from callmissed.gateway.upstreams.answers import LARGEST_REPLY, events, posted
from callmissed.gateway.upstreams.gate import UNGUARDED, Gate
from callmissed.gateway.upstreams.http_client import BEARER, Client, KeyHeader
from callmissed.gateway.upstreams.http_connection import Answer, Timeouts
from callmissed.gateway.upstreams.openai_speech import OpenAISpeech
from callmissed.gateway.upstreams.protocol import IMAGES, Asked, Piece, Replied, Terms, Work, Worked
from callmissed.gateway.upstreams.seeking import SearchesNothing
from callmissed.gateway.upstreams.sound import Heard, Listening, Sound, Wording
from callmissed.gateway.upstreams.taking import OwnKeys, taken

CHAT = "/chat/completions"
ALWAYS_BASE64 = ("gpt-image-", "chatgpt-image-")
"""Models that answer with pictures themselves, and refuse to be asked for that (OpenAI's API reference, images)."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is: `base_url` up to and with /v1, and the header that carries the key (`{"authorization": "Bearer …"}`).

    `own_keys`: whether tenants may, or must, bring keys of their own; they stand in `key_header`.
    """

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    asks_usage: bool = True
    own_keys: OwnKeys = "no"
    key_header: KeyHeader = BEARER


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


class OpenAICompatible(SearchesNothing):
    """One server. `terms` are its own; several servers of one supplier are several upstreams."""

    def __init__(
        self, terms: Terms, server: Server, timeouts: Timeouts | None = None, gate: Gate | None = None
    ) -> None:
        self.terms = terms
        self._gate = gate or Gate()
        self._asks_usage = server.asks_usage
        self._client = Client(server.base_url, server.headers, timeouts, key_header=server.key_header)
        self._speech = OpenAISpeech(terms.name, self._client, self._gate)
        self.taking = taken(server.own_keys, self._client, self.with_key)

    def with_key(self, secret: str) -> Self:
        """The same server on the account of this key."""
        client = self._client.with_key(secret)
        speech = OpenAISpeech(self.terms.name, client, UNGUARDED)
        return altered(self, _client=client, _gate=UNGUARDED, _speech=speech)

    def check(self, asked: Asked) -> None:
        """Everything may travel on; the server knows best what it supports."""

    async def reply(self, asked: Asked) -> Replied:
        """The whole answer, read up to 16 MB."""
        async with self._gate:
            with await self._sent(CHAT, self._chat(asked, stream=False)) as answer:
                choices, text, used = _read(await answer.whole(LARGEST_REPLY))
            if not choices:
                raise UpstreamBroken
        return Replied(choices, text, *_counted(used))

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece]:
        """The answer as the server sends it. Raises UpstreamBroken when it ends without saying that it is complete."""
        async with self._gate:
            with await self._sent(CHAT, self._chat(asked, stream=True)) as answer:
                begun = False
                async for event in events(answer):
                    if event == b"[DONE]" and begun:
                        answer.end(soon=True)
                        return
                    choices, text, used = _read(event)
                    if choices or used:
                        begun = True
                        yield Piece(choices, text, *_counted(used))
        raise UpstreamBroken

    async def work(self, work: Work) -> Worked:
        """The document that answers a request of another kind."""
        body: dict[str, Any] = {**work.extra, "model": work.model}
        if work.path == IMAGES and not work.model.startswith(ALWAYS_BASE64):
            body["response_format"] = "b64_json"
        async with self._gate:
            with await self._sent(work.path, body) as answer:
                found = await answer.whole(work.largest)
            return Worked(found, *_counted(_read(found)[2]))

    async def speak(self, wording: Wording) -> Sound:
        """A text as speech, once the first of it is here."""
        return await self._speech.speak(wording)

    async def hear(self, listening: Listening) -> Heard:
        """What is said in a recording."""
        return await self._speech.hear(listening)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _chat(self, asked: Asked, *, stream: bool) -> dict[str, Any]:
        body: dict[str, Any] = {**asked.extra, "model": asked.model, "messages": asked.messages}
        if stream:
            body["stream"] = True
            if self._asks_usage:
                body["stream_options"] = {"include_usage": True}
        return body

    async def _sent(self, path: str, body: Mapping[str, Any]) -> Answer:
        return await posted(self.terms.name, self._client, path, msgspec.json.encode(body))


def _read(data: bytes) -> tuple[bytes, str, _Usage | None]:
    """A document's or event's choices (empty where it has none), the text in them, and what it counted.

    Raises UpstreamBroken for what is none, or is an error under status 200.
    """
    try:
        document = _document.decode(data)
        said = [each.message or each.delta for each in _choices.decode(document.choices)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken from None
    if bytes(document.error) != b"null":
        raise UpstreamBroken
    text = "".join(each.content for each in said if each and each.content)
    return bytes(document.choices) if said else b"", text, document.usage


def _counted(used: _Usage | None) -> tuple[int | None, int | None]:
    return (used.prompt_tokens, used.completion_tokens) if used else (None, None)
