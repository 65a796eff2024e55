"""Speech as OpenAI's API has it: POST /audio/speech, /audio/transcriptions and /audio/translations. Many others speak it too."""

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import msgspec

from callmissed.gateway.problems import UpstreamBroken
from callmissed.gateway.upstreams.answers import LARGEST_REPLY, posted, sound
from callmissed.gateway.upstreams.gate import Gate
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.sound import CONTENT_TYPES, Heard, Listening, Recording, Sound, Wording


class _Usage(msgspec.Struct):
    seconds: float | None = None


class _Transcript(msgspec.Struct):
    text: str
    language: str | None = None
    duration: float | None = None
    segments: Sequence[Mapping[str, Any]] = ()
    words: Sequence[Mapping[str, Any]] = ()
    usage: _Usage | None = None


_transcript = msgspec.json.Decoder(_Transcript, strict=False)


class OpenAISpeech:
    """The voice and the ear of one server. `name` is what the log calls it."""

    def __init__(self, name: str, client: Client, gate: Gate) -> None:
        self._name = name
        self._client = client
        self._gate = gate

    async def speak(self, wording: Wording) -> Sound:
        """A text as speech, once the first of it is here."""
        body: dict[str, Any] = {
            "model": wording.model,
            "input": wording.text,
            "voice": wording.voice,
        }
        if wording.format is not None:
            body["response_format"] = wording.format
        if wording.speed != 1:
            body["speed"] = wording.speed
        if wording.language is not None:
            body["language"] = wording.language
        if wording.instructions:
            body["instructions"] = wording.instructions
        if wording.rate is not None:
            body["sample_rate"] = wording.rate
        return await begun(self._spoken(msgspec.json.encode(body)), CONTENT_TYPES[wording.format or "mp3"])

    async def hear(self, listening: Listening) -> Heard:
        """What is said in a recording."""
        verbose = listening.detail or listening.words
        fields = [*listening.extra, ("model", listening.model)]
        fields.append(("response_format", "verbose_json" if verbose else "json"))
        if listening.language is not None:
            fields.append(("language", listening.language))
        if listening.prompt is not None:
            fields.append(("prompt", listening.prompt))
        if listening.words:
            fields += [("timestamp_granularities[]", each) for each in ("segment", "word")]
        kind, body = form(fields, listening.recording)
        path = "/audio/translations" if listening.translate else "/audio/transcriptions"
        async with self._gate:
            with await posted(self._name, self._client, path, body, kind) as answer:
                found = _read(await answer.whole(LARGEST_REPLY))
        told = found.duration if found.duration is not None else found.usage and found.usage.seconds
        return Heard(found.text, found.language, told, found.segments, found.words)

    async def _spoken(self, body: bytes) -> AsyncGenerator[bytes]:
        async with self._gate:
            with await posted(self._name, self._client, "/audio/speech", body) as answer:
                async for piece in sound(answer):
                    yield piece


async def begun(spoken: AsyncGenerator[bytes], usual: str) -> Sound:
    """The sound of a generator that gives its content type first, once there is some. Raises UpstreamBroken for silence."""
    first = b""
    try:
        kind = (await anext(spoken)).decode("latin-1")
        first = await anext(spoken, b"")
    finally:
        if not first:
            await spoken.aclose()
    if not first:
        raise UpstreamBroken.before_answering()
    # What a supplier calls its sound is repeated to browsers: sound, and nothing else.
    return Sound(kind if kind.startswith("audio/") and kind.isprintable() else usual, _with(first, spoken))


async def _with(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()


def form(fields: Sequence[tuple[str, str]], recording: Recording) -> tuple[bytes, bytes]:
    """Content type and body of a form with a recording in the field `file` (RFC 7578)."""
    boundary = secrets.token_hex(16)  # not to be guessed, so nothing in the file can be it
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = f'Content-Disposition: form-data; name="file"; filename="{recording.name}"\r\nContent-Type: {recording.content_type}'
    parts.append(
        f"--{boundary}\r\n{head}\r\n\r\n".encode() + recording.content + f"\r\n--{boundary}--\r\n".encode()
    )
    return f"multipart/form-data; boundary={boundary}".encode(), b"".join(parts)


def _quoted(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _read(document: bytes) -> _Transcript:
    try:
        return _transcript.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken from None
