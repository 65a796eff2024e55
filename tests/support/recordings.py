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


def flac(seconds: float, rate: int = 8_000) -> bytes:
    """The head of a FLAC (RFC 9639 §8.2) that says how long it is, with next to nothing behind it."""
    told = rate << 44 | 0 << 41 | 15 << 36 | round(seconds * rate)
    return (
        b"fLaC\x80\x00\x00\x22" + bytes.fromhex("10001000") + bytes(6) + told.to_bytes(8, "big") + bytes(116)
    )
