"""Sound: speech made from a text, and text from speech. Sold by the character and by the second."""

from callmissed.gateway.audio.calls import Spoken, Transcribed, hear, speak, spoken
from callmissed.gateway.audio.requests import (
    HearingRequest,
    SpeechRequest,
    read_recording_form,
    read_speech_request,
)
from callmissed.gateway.audio.transcripts import CONTENT_TYPES, written

__all__ = [
    "CONTENT_TYPES",
    "HearingRequest",
    "SpeechRequest",
    "Spoken",
    "Transcribed",
    "hear",
    "read_recording_form",
    "read_speech_request",
    "speak",
    "spoken",
    "written",
]
