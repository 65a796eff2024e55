"""Sound: speech made from a text, and text from speech. Sold by the character and by the second."""

from callmissed.gateway.audio.calls import Transcribed, hear, speak
from callmissed.gateway.audio.requests import (
    HearingRequest,
    SpeechRequest,
    read_hearing_request,
    read_speech_request,
)
from callmissed.gateway.audio.transcripts import CONTENT_TYPES, written

__all__ = [
    "CONTENT_TYPES",
    "HearingRequest",
    "SpeechRequest",
    "Transcribed",
    "hear",
    "read_hearing_request",
    "read_speech_request",
    "speak",
    "written",
]
