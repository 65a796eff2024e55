"""A voice and an ear that need nothing from outside: espeak-ng speaks, pocketsphinx hears. Each is a process of its own.

espeak-ng (GPL-3.0) is a program of the system, spoken to over pipes. pocketsphinx (BSD-2-Clause) hears English only, spoken clearly:
it is for demonstrations. Words that may be expected, given as the prompt, are then all it can hear, and it hears those far better.
"""

import importlib.util
import shutil
import struct
import sys
from collections.abc import AsyncGenerator, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from callmissed.gateway.problems import RequestInvalid, TextTooLong, Unsupported, UpstreamBroken
from callmissed.gateway.upstreams.gate import Gate, Limits
from callmissed.gateway.upstreams.programs import PART, run
from callmissed.gateway.upstreams.sound import CONTENT_TYPES, Heard, Listening, Sound, Wording

LISTENER = Path(__file__).with_name("listener.py")
VOICES = ("en", "hi", "as", "bn", "gu", "kn", "kok", "ml", "mr", "ne", "or", "pa", "sd", "ta", "te", "ur")
"""Languages that it speaks: English and those of the Eighth Schedule that espeak-ng has."""
USUAL_WORDS_A_MINUTE = 165
FASTEST_WORDS_A_MINUTE, SLOWEST_WORDS_A_MINUTE = 450, 80
"""What espeak-ng takes (its manual, -s)."""
RATE = 22_050
HEAD = 44
"""Bytes of the head that espeak-ng writes."""
MOST_SOUND = 8_000_000
"""Bytes of one answer: three minutes. It stands in memory until its reader has it."""
MOST_WORDS = 1_000_000
AT_ONCE = Limits(concurrency=2, queue=32, breaker=None)


class _Told(msgspec.Struct):
    """What the listener found, or why it could not (`refused`)."""

    text: str = ""
    words: Sequence[dict[str, str | float]] = ()
    refused: str = ""


class LocalSpeech:
    """The pair. Which of the two this machine has is looked up once."""

    def __init__(self) -> None:
        self._gate = Gate(AT_ONCE)

    @cached_property
    def _voice(self) -> str | None:
        return shutil.which("espeak-ng")

    @property
    def can_speak(self) -> bool:
        """Whether espeak-ng is there."""
        return self._voice is not None

    @cached_property
    def can_hear(self) -> bool:
        """Whether pocketsphinx is there: it is not loaded here, but by the process that hears."""
        return importlib.util.find_spec("pocketsphinx") is not None

    async def speak(self, wording: Wording) -> Sound:
        """A text as WAV or PCM. Raises Unsupported for another format or rate, and RequestInvalid for a voice it has not."""
        form, voice = wording.format or "wav", _voice_for(wording)
        if form not in ("wav", "pcm"):
            raise Unsupported(param="response_format")
        if wording.rate not in (None, RATE):
            raise Unsupported(param="sample_rate")
        if wording.instructions:
            raise Unsupported(param="instructions")
        words = min(
            max(round(USUAL_WORDS_A_MINUTE * wording.speed), SLOWEST_WORDS_A_MINUTE), FASTEST_WORDS_A_MINUTE
        )
        # The text goes in by the pipe: never as an argument, which others on this machine could read.
        command = [self._voice or "", "-v", voice, "-s", str(words), "--stdin", "--stdout"]
        spoken = await run(self._gate, command, wording.text.encode(), MOST_SOUND)
        if len(spoken) > MOST_SOUND:
            raise TextTooLong(param="input")
        if len(spoken) <= HEAD:
            raise UpstreamBroken.before_answering()
        # Its own head says no length: it was written before there was one.
        return Sound(CONTENT_TYPES[form], _parts(_head(len(spoken) - HEAD) if form == "wav" else b"", spoken))

    async def hear(self, listening: Listening) -> Heard:
        """The words of a WAV. Raises Unsupported for another file, another language, or a translation."""
        if listening.translate:
            raise Unsupported(param="model", endpoint="audio.translations")
        if (listening.language or "en").partition("-")[0].lower() != "en":
            raise Unsupported(param="language")
        if listening.recording.content_type != "audio/wav":
            raise Unsupported(param="file", accepts="audio/wav")
        asked = msgspec.json.encode({"prompt": listening.prompt or ""}) + b"\n" + listening.recording.content
        told = msgspec.json.decode(
            await run(self._gate, [sys.executable, "-I", str(LISTENER)], asked, MOST_WORDS), type=_Told
        )
        if told.refused:
            raise RequestInvalid(told.refused, param="file")
        seconds = listening.recording.seconds
        segments = [{"start": 0.0, "end": seconds, "text": told.text}] if told.text else []
        return Heard(told.text, "en", seconds, segments, told.words)


def _voice_for(wording: Wording) -> str:
    """The voice: what `language` says, else `voice` where that is a language. Names of other suppliers' voices are taken for English."""
    if wording.language is not None:
        named = wording.language.partition("-")[0].lower()
        named = {"od": "or"}.get(named, named)
        if named not in VOICES:
            raise RequestInvalid(f"It speaks {', '.join(VOICES)}.", param="language")
        return named
    return wording.voice if wording.voice in VOICES else "en"


def _head(size: int) -> bytes:
    """The head of a WAV of so many bytes of samples."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)


async def _parts(head: bytes, spoken: bytes) -> AsyncGenerator[bytes]:
    if head:
        yield head
    for place in range(HEAD, len(spoken), PART):
        yield spoken[place : place + PART]
