"""Sarvam: chat as OpenAI's API has it, speech in its own words (docs.sarvam.ai, speech-to-text and text-to-speech)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import msgspec

from callmissed.gateway.problems import Unsupported, UpstreamBroken
from callmissed.gateway.upstreams.altered import altered
from callmissed.gateway.upstreams.answers import LARGEST_REPLY, posted, sound
from callmissed.gateway.upstreams.gate import Gate
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.http_connection import Timeouts
from callmissed.gateway.upstreams.openai_compatible import OpenAICompatible, Server
from callmissed.gateway.upstreams.openai_speech import begun, form
from callmissed.gateway.upstreams.protocol import Terms
from callmissed.gateway.upstreams.sound import CONTENT_TYPES, Heard, Listening, Sound, Wording

MODES = ("transcribe", "translate", "verbatim", "translit", "codemix")
CODECS: Mapping[str, str] = {
    "mp3": "mp3", "opus": "opus", "aac": "aac", "flac": "flac", "wav": "wav", "pcm": "linear16",
}  # fmt: skip
RATE = 24_000
"""Samples a second where nobody asks for others: what OpenAI's clients expect of `pcm`."""
SLOWEST, FASTEST = 0.5, 2.0
"""The pace of bulbul:v3."""
ODIA = "od"
"""How they write the language that everybody else writes `or`."""


class _Moments(msgspec.Struct):
    words: Sequence[str] = ()
    start_time_seconds: Sequence[float] = ()
    end_time_seconds: Sequence[float] = ()


class _Transcript(msgspec.Struct):
    transcript: str
    language_code: str | None = None
    timestamps: _Moments | None = None


_transcript = msgspec.json.Decoder(_Transcript)


class Sarvam(OpenAICompatible):
    """One account. `server.base_url` is https://api.sarvam.ai: chat stands below /v1, speech beside it."""

    def __init__(
        self, terms: Terms, server: Server, timeouts: Timeouts | None = None, gate: Gate | None = None
    ) -> None:
        super().__init__(terms, replace(server, base_url=server.base_url.rstrip("/") + "/v1"), timeouts, gate)
        self._beside = Client(server.base_url, server.headers, timeouts, key_header=server.key_header)

    def with_key(self, secret: str) -> Self:
        """The same on the account of this key."""
        return altered(super().with_key(secret), _beside=self._beside.with_key(secret))

    async def speak(self, wording: Wording) -> Sound:
        """A text as speech."""
        if not SLOWEST <= wording.speed <= FASTEST:
            raise Unsupported(param="speed")
        if wording.instructions:
            raise Unsupported(param="instructions")
        body: dict[str, Any] = {
            "text": wording.text,
            "target_language_code": indian(wording.language or "en"),
            "model": wording.model,
            "output_audio_codec": CODECS[wording.format or "mp3"],
            "speech_sample_rate": wording.rate or RATE,
            "pace": wording.speed,
        }
        if wording.voice:
            body["speaker"] = wording.voice.lower()
        return await begun(self._spoken(msgspec.json.encode(body)), CONTENT_TYPES[wording.format or "mp3"])

    async def hear(self, listening: Listening) -> Heard:
        """What is said in a recording; `mode` among the fields chooses how it is written."""
        mode = "translate" if listening.translate else "transcribe"
        for name, value in listening.extra:
            if name != "mode":
                raise Unsupported(param=name)
            if value not in MODES:
                raise Unsupported(param="mode", modes=", ".join(MODES))
            mode = value
        fields = [("model", listening.model), ("mode", mode)]
        fields.append(("language_code", indian(listening.language) if listening.language else "unknown"))
        if listening.words:
            fields.append(("with_timestamps", "true"))
        kind, body = form(fields, listening.recording)
        async with self._gate:
            with await posted(self.terms.name, self._beside, "/speech-to-text", body, kind) as answer:
                return _heard(await answer.whole(LARGEST_REPLY))

    async def close(self) -> None:
        """Close the connections."""
        await self._beside.close()
        await super().close()

    async def _spoken(self, body: bytes) -> AsyncGenerator[bytes]:
        async with self._gate:
            with await posted(self.terms.name, self._beside, "/text-to-speech/stream", body) as answer:
                async for piece in sound(answer):
                    yield piece


def indian(language: str) -> str:
    """A language as they write it: `hi` is `hi-IN`."""
    named = language.partition("-")[0].lower()
    return f"{ODIA if named == 'or' else named}-IN"


def _heard(document: bytes) -> Heard:
    try:
        found = _transcript.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBroken from None
    told = found.timestamps or _Moments()
    moments = zip(told.words, told.start_time_seconds, told.end_time_seconds, strict=False)
    words = [{"word": word, "start": start, "end": end} for word, start, end in moments]
    spoken = found.language_code.partition("-")[0] if found.language_code else None
    return Heard(found.transcript, "or" if spoken == ODIA else spoken, None, (), words)
