"""What speaks and what hears: the shapes in which sound goes to an upstream and comes back."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from callmissed.gateway.problems import Unsupported
from callmissed.gateway.upstreams.seeking import SearchesNothing

CONTENT_TYPES: Mapping[str, str] = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav", "pcm": "audio/pcm",
}  # fmt: skip
"""Formats in which speech can be asked for (OpenAI's API reference, audio/speech)."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A text to be spoken. `model` is the upstream's own name; `language` a tag as BCP 47 writes it; `speed` 1 is usual.

    `format` is one of CONTENT_TYPES, or None for the upstream's own choice; `rate` is in samples a second; `instructions`
    say how it is to be spoken.
    """

    model: str
    text: str
    voice: str
    format: str | None = None
    language: str | None = None
    speed: float = 1.0
    rate: int | None = None
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """Speech as it arrives. Whoever takes it closes `pieces`."""

    content_type: str
    pieces: AsyncGenerator[bytes]


@dataclass(frozen=True, slots=True)
class Recording:
    """Speech in a file. `seconds` is how long it is by its own account; `is_exact` says that this account cannot be wrong."""

    name: str
    content_type: str
    content: bytes = field(repr=False)
    seconds: float
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Listening:
    """A recording to be written down. `language` is a tag as BCP 47 writes it, None where it is to be found out.

    `translate` asks for English, `detail` for the moments of sentences, `words` for those of words. `prompt` are words that
    may be expected; `extra` holds the other fields as they came.
    """

    model: str
    recording: Recording
    language: str | None = None
    prompt: str | None = None
    translate: bool = False
    detail: bool = False
    words: bool = False
    extra: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said. `seconds` is the length by the upstream's account; segments and words carry `start` and `end` in seconds."""

    text: str
    language: str | None = None
    seconds: float | None = None
    segments: Sequence[Mapping[str, Any]] = ()
    words: Sequence[Mapping[str, Any]] = ()


class TextOnly(SearchesNothing):
    """An upstream without a voice and without an ear, which searches nothing either."""

    async def speak(self, wording: Wording) -> Sound:
        """It does not. Raises Unsupported."""
        raise Unsupported(param="model", voice=wording.voice)

    async def hear(self, listening: Listening) -> Heard:
        """It does not. Raises Unsupported."""
        raise Unsupported(param="model", file=listening.recording.content_type)
