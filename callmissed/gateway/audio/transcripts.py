"""A transcript as it was asked for: JSON, text, or subtitles."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from callmissed.gateway.audio.calls import Transcribed
from callmissed.gateway.audio.requests import HearingRequest, Written

CONTENT_TYPES: Mapping[Written, str] = {
    "json": "application/json", "verbose_json": "application/json", "text": "text/plain; charset=utf-8",
    "srt": "text/plain; charset=utf-8", "vtt": "text/vtt; charset=utf-8",
}  # fmt: skip


def written(done: Transcribed, request: HearingRequest) -> bytes:
    """The document (OpenAI's API reference, audio/createTranscription)."""
    heard = done.heard
    if request.written == "text":
        return f"{heard.text}\n".encode()
    if request.written in ("srt", "vtt"):
        return _subtitles(done, request).encode()
    usage = {"type": "duration", "seconds": done.seconds}
    if request.written == "json":
        return msgspec.json.encode({"text": heard.text, "usage": usage})
    document: dict[str, Any] = {
        "task": "translate" if request.listening.translate else "transcribe",
        "language": heard.language or request.listening.language,
        "duration": heard.seconds or request.recording.seconds,
        "text": heard.text,
        "segments": [{"id": n, **each} for n, each in enumerate(_segments(done, request))],
        "usage": usage,
    }
    if request.listening.words:
        document["words"] = heard.words
    return msgspec.json.encode(document)


def _segments(done: Transcribed, request: HearingRequest) -> Sequence[Mapping[str, Any]]:
    """What stands where; where nobody said, all of it over the whole length."""
    heard = done.heard
    whole = {"start": 0.0, "end": heard.seconds or request.recording.seconds, "text": heard.text}
    return heard.segments or ([whole] if heard.text else [])


def _subtitles(done: Transcribed, request: HearingRequest) -> str:
    """SubRip, or WebVTT (W3C): they differ in the head, the numbers and one comma."""
    mark = "," if request.written == "srt" else "."
    parts = ["WEBVTT\n\n"] if request.written == "vtt" else []
    for n, each in enumerate(_segments(done, request), 1):
        number = f"{n}\n" if request.written == "srt" else ""
        # An arrow or an empty line inside the text would be read as a cue of its own.
        text = " ".join(str(each["text"]).replace("-->", "->").split())
        parts.append(f"{number}{_clock(each['start'], mark)} --> {_clock(each['end'], mark)}\n{text}\n\n")
    return "".join(parts)


def _clock(seconds: float, mark: str) -> str:
    whole, thousandths = divmod(round(max(0.0, float(seconds)) * 1_000), 1_000)
    return f"{whole // 3_600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{thousandths:03}"
