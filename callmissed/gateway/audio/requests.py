"""What is asked of /v1/audio: a text to be spoken, or a recording to be written down."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from callmissed.gateway.audio.recordings import at_most, read_recording
from callmissed.gateway.catalogue import Kind, Model
from callmissed.gateway.estimates import Estimate, dearest
from callmissed.gateway.forms import Form, read_form
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.gateway.requests import ModelId, readable
from callmissed.gateway.upstreams import Listening, Recording, Wording

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
Written = Literal["json", "text", "srt", "verbose_json", "vtt"]
Grain = Literal["segment", "word"]
Tag = Annotated[
    str, msgspec.Meta(min_length=2, max_length=20, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")
]
LONGEST_TEXT = 20_000
"""Characters that are read at all; what a voice speaks at once stands with its model."""
LONGEST_PROMPT = 20_000
LONGEST_INSTRUCTIONS = 4_000
READERS = ThreadPoolExecutor(2, "recordings")
"""Recordings are read two at once: whoever sends many of them waits for himself, and for nobody else's threads."""


class SpeechBody(msgspec.Struct):
    """The members of POST /v1/audio/speech that we use or check (OpenAI's API reference); `language` and `sample_rate` are ours."""

    model: ModelId
    input: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
    voice: Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[\w.:+-]*$")] | Mapping[str, str] = ""
    response_format: Format | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4)] = 1.0
    language: Tag | None = None
    sample_rate: Annotated[int, msgspec.Meta(ge=8_000, le=48_000)] | None = None
    stream_format: str | None = None
    instructions: Annotated[str, msgspec.Meta(max_length=LONGEST_INSTRUCTIONS)] = ""


OURS = frozenset(SpeechBody.__struct_fields__)
"""Members that reach an upstream in its own words."""
FIELDS = frozenset(
    {
        "model",
        "language",
        "prompt",
        "response_format",
        "timestamp_granularities",
        "timestamp_granularities[]",
        "stream",
    }
)
"""Likewise, of a form."""

MAY_TRAVEL = frozenset(
    {
        "chunking_strategy", "diarize", "hotwords", "keyterm", "mode", "numerals", "paragraphs", "profanity_filter", "punctuate",
        "redact", "replace", "seed", "smart_format", "temperature", "vad_filter",
    }
)  # fmt: skip
"""Fields that change how is heard, and not what."""

_speech = msgspec.json.Decoder(SpeechBody)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text to be spoken."""

    model: str
    wording: Wording
    endpoint: str = "audio.speech"
    kind: Kind = "speech"
    fallbacks: Sequence[str] = ()
    stream: bool = False

    @property
    def units(self) -> int:
        """Characters (code points) of the text, and of how it is to be spoken."""
        return len(self.wording.text) + len(self.wording.instructions)

    def at_most(self, models: Iterable[Model]) -> Estimate:
        """What it costs: known before it is spoken."""
        return dearest(Estimate(0, 0, max(1, each.price(self.units))) for each in models)

    def reading(self) -> int:
        """It is not sold by the token."""
        return 0


@dataclass(frozen=True, slots=True)
class HearingRequest:
    """A recording to be written down, in the language that is spoken or (`listening.translate`) in English."""

    model: str
    listening: Listening
    written: Written = "json"
    endpoint: str = "audio.transcriptions"
    kind: Kind = "transcription"
    fallbacks: Sequence[str] = ()
    stream: bool = False

    @property
    def recording(self) -> Recording:
        """What is to be heard."""
        return self.listening.recording

    def at_most(self, models: Iterable[Model]) -> Estimate:
        """The most that may be charged for a recording whose length is only said."""
        return dearest(Estimate(0, 0, max(1, each.price(at_most(self.recording)))) for each in models)

    def reading(self) -> int:
        """It is not sold by the token."""
        return 0


def read_speech_request(body: bytes) -> SpeechRequest:
    """Read a body. Raises Malformed, RequestInvalid, and Unsupported for speech in events."""
    with readable():
        asked, members = _speech.decode(body), _members.decode(body)
    if asked.stream_format not in (None, "audio"):
        raise Unsupported(param="stream_format")
    voice = asked.voice if isinstance(asked.voice, str) else asked.voice.get("id", "")
    for name in members:
        if name not in OURS:  # what nobody priced is not passed on
            raise Unsupported(param=name)
    wording = Wording(
        "",
        asked.input,
        voice,
        asked.response_format,
        asked.language,
        asked.speed,
        asked.sample_rate,
        asked.instructions,
    )
    return SpeechRequest(asked.model, wording)


class RecordingFields(msgspec.Struct):
    """The fields of a form, once they are together."""

    model: ModelId
    language: Tag | None = None
    prompt: Annotated[str, msgspec.Meta(max_length=LONGEST_PROMPT)] | None = None
    response_format: Written = "json"
    granularities: Annotated[tuple[Grain, ...], msgspec.Meta(max_length=2)] = ()
    stream: Literal["true", "false", "1", "0", "True", "False"] = "false"


def _extra(form: Form) -> tuple[tuple[str, str], ...]:
    """Fields that travel on. Raises Unsupported for one that nobody knows: some name another recording than the one that is paid."""
    extra = tuple((name, value) for name, value in form.fields if name not in FIELDS)
    for name, _ in extra:
        if name not in MAY_TRAVEL:
            raise Unsupported(param=name)
    return extra


async def read_recording_form(content_type: str, body: bytes, *, translate: bool = False) -> HearingRequest:
    """Read a body, beside the loop: a large file takes a while. Raises Malformed, and as `read_hearing_request` does."""

    def read() -> HearingRequest:
        return read_hearing_request(read_form(content_type, body), translate=translate)

    return await asyncio.get_running_loop().run_in_executor(READERS, read)


def read_hearing_request(form: Form, *, translate: bool) -> HearingRequest:
    """Read a form. Raises RequestInvalid, RecordingUnreadable, and Unsupported for a transcript in events."""
    told: dict[str, Any] = {
        name: form.one(name) or None for name in ("model", "language", "prompt") if form.one(name) is not None
    }
    told |= {name: value for name in ("response_format", "stream") if (value := form.one(name))}
    told["granularities"] = form.every("timestamp_granularities")
    with readable():
        asked = msgspec.convert(told, RecordingFields)
    if asked.stream.lower() in ("true", "1"):
        raise Unsupported(param="stream")
    if asked.granularities and asked.response_format != "verbose_json":
        raise RequestInvalid(
            "timestamp_granularities need response_format=verbose_json.", param="timestamp_granularities"
        )
    listening = Listening(
        model="",
        recording=read_recording(form.file("file")),
        language=asked.language,
        prompt=asked.prompt,
        translate=translate,
        detail=asked.response_format in ("verbose_json", "srt", "vtt"),
        words="word" in asked.granularities,
        extra=_extra(form),
    )
    endpoint = "audio.translations" if translate else "audio.transcriptions"
    return HearingRequest(asked.model, listening, asked.response_format, endpoint)
