"""Deepgram in its own words: POST /v1/listen takes the recording as it is, POST /v1/speak a text (developers.deepgram.com).

Every request says `mip_opt_out`: without it, what is sent may be used to improve their models (their Model Improvement Program).
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlencode

import msgspec

from callmissed.gateway.problems import Unsupported, UpstreamBroken
from callmissed.gateway.upstreams.altered import altered
from callmissed.gateway.upstreams.answers import LARGEST_REPLY, posted, sound
from callmissed.gateway.upstreams.gate import UNGUARDED, Gate
from callmissed.gateway.upstreams.http_client import Client
from callmissed.gateway.upstreams.openai_speech import begun
from callmissed.gateway.upstreams.protocol import Terms, WritesNothing
from callmissed.gateway.upstreams.seeking import SearchesNothing
from callmissed.gateway.upstreams.sound import CONTENT_TYPES, Heard, Listening, Sound, Wording
from callmissed.gateway.upstreams.taking import OwnKeys, taken

OPTED_OUT = ("mip_opt_out", "true")
ENCODINGS: Mapping[str, Sequence[tuple[str, str]]] = {
    "mp3": (("encoding", "mp3"),), "opus": (("encoding", "opus"), ("container", "ogg")), "aac": (("encoding", "aac"),),
    "flac": (("encoding", "flac"),), "wav": (("encoding", "linear16"), ("container", "wav")),
    "pcm": (("encoding", "linear16"), ("container", "none")),
}  # fmt: skip
"""Our name of a format, to theirs."""
MAY_BE_ASKED = frozenset(
    {
        "diarize",
        "keyterm",
        "numerals",
        "paragraphs",
        "profanity_filter",
        "punctuate",
        "redact",
        "replace",
        "smart_format",
    }
)
"""Fields of a form that travel on as parameters of theirs. No other: one of them names an address to call back."""


class _Word(msgspec.Struct):
    word: str
    start: float
    end: float
    punctuated_word: str | None = None
    speaker: int | None = None


class _Alternative(msgspec.Struct):
    transcript: str
    words: Sequence[_Word] = ()


class _Channel(msgspec.Struct):
    alternatives: Sequence[_Alternative]
    detected_language: str | None = None


class _Utterance(msgspec.Struct):
    start: float
    end: float
    transcript: str
    speaker: int | None = None


class _Results(msgspec.Struct):
    channels: Sequence[_Channel]
    utterances: Sequence[_Utterance] = ()


class _Metadata(msgspec.Struct):
    duration: float


class _Document(msgspec.Struct):
    metadata: _Metadata
    results: _Results


_document = msgspec.json.Decoder(_Document)


class Deepgram(WritesNothing, SearchesNothing):
    """One account. It hears and speaks, and does nothing else."""

    def __init__(
        self, terms: Terms, client: Client, gate: Gate | None = None, own_keys: OwnKeys = "no"
    ) -> None:
        self.terms = terms
        self._client = client
        self._gate = gate or Gate()
        self.taking = taken(own_keys, client, self.with_key, "/projects")

    def with_key(self, secret: str) -> Self:
        """The same on the account of this key."""
        return altered(self, _client=self._client.with_key(secret), _gate=UNGUARDED)

    async def speak(self, wording: Wording) -> Sound:
        """A text as speech. Their model is a voice and a language: `aura-2`, `thalia`, `en` make aura-2-thalia-en."""
        if wording.speed != 1:
            raise Unsupported(param="speed")
        if wording.instructions:
            raise Unsupported(param="instructions")
        language = (wording.language or "en").partition("-")[0].lower()
        named = [("model", f"{wording.model}-{wording.voice or 'thalia'}-{language}"), OPTED_OUT]
        rate = [("sample_rate", str(wording.rate))] if wording.rate else []
        path = "/speak?" + urlencode([*named, *ENCODINGS[wording.format or "mp3"], *rate])
        body = msgspec.json.encode({"text": wording.text})
        return await begun(self._spoken(path, body), CONTENT_TYPES[wording.format or "mp3"])

    async def hear(self, listening: Listening) -> Heard:
        """What is said in a recording, with its words and sentences."""
        if listening.translate:
            raise Unsupported(param="model", endpoint="audio.translations")
        query = [("model", listening.model), OPTED_OUT, ("smart_format", "true"), ("utterances", "true")]
        query.append(("language", listening.language) if listening.language else ("detect_language", "true"))
        for name, value in listening.extra:
            if name not in MAY_BE_ASKED:
                raise Unsupported(param=name)
            query.append((name, value))
        if listening.prompt:
            query += [("keyterm", each) for each in listening.prompt.split()[:100]]
        recording = listening.recording
        async with self._gate:
            kind = recording.content_type.encode()
            with await posted(
                self.terms.name, self._client, "/listen?" + urlencode(query), recording.content, kind
            ) as answer:
                return _heard(await answer.whole(LARGEST_REPLY))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _spoken(self, path: str, body: bytes) -> AsyncGenerator[bytes]:
        async with self._gate:
            with await posted(self.terms.name, self._client, path, body) as answer:
                async for piece in sound(answer):
                    yield piece


def _heard(document: bytes) -> Heard:
    try:
        found = _document.decode(document)
        channel = found.results.channels[0]
        best = channel.alternatives[0]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        raise UpstreamBroken from None
    words = [_told({"word": each.punctuated_word or each.word}, each) for each in best.words]
    segments = [_told({"text": each.transcript}, each) for each in found.results.utterances]
    return Heard(best.transcript, channel.detected_language, found.metadata.duration, segments, words)


def _told(said: dict[str, Any], each: _Word | _Utterance) -> dict[str, Any]:
    """A word or sentence with its moments, and its speaker where speakers were told apart."""
    moments = {**said, "start": each.start, "end": each.end}
    return moments if each.speaker is None else {**moments, "speaker": each.speaker}
