"""Recordings that nobody spoke."""

import io
import wave


def recording(seconds: float = 2.4, rate: int = 8_000) -> bytes:
    """A WAV of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * round(seconds * rate)))
    return made.getvalue()


def compressed(frames: int) -> bytes:
    """MPEG-1 layer III, 64 kbit/s, 44,100 a second: so many silent frames of 1,152 samples."""
    return (b"\xff\xfb\x50\xc4" + bytes(204)) * frames
