"""How long a recording is: read from its header, because it is held in the wallet before anybody hears it.

The length of a WAV of the usual codings follows from how many bytes there are, so it cannot be wrong. What a compressed file says
of itself can be; whoever hears it says how long it really was.
"""

import io
import math
import struct

from tinytag import TinyTag
from tinytag.tinytag import TinyTagException

from callmissed.gateway.forms import Upload
from callmissed.gateway.problems import RecordingUnreadable
from callmissed.gateway.upstreams import Recording

LONGEST_SECONDS = 24 * 3_600
PLAIN_CODINGS = (1, 3, 6, 7)
"""PCM, floating point, A-law, µ-law: samples of a fixed size (RFC 2361)."""
EXTENSIBLE = 0xFFFE
"""The coding stands in the first two bytes of the sub-format (Microsoft, WAVEFORMATEXTENSIBLE)."""
FASTEST, SLOWEST = 400_000, 4_000
"""Samples a second."""
KINDS = {
    b"RIFF": ("wav", "audio/wav"),
    b"ID3": ("mp3", "audio/mpeg"),
    b"OggS": ("ogg", "audio/ogg"),
    b"fLaC": ("flac", "audio/flac"),
}
"""What a file begins with, to how it may be named and called (MP3 and MP4 are told below)."""


def read_recording(upload: Upload) -> Recording:
    """A recording with its length. Raises RecordingUnreadable."""
    content = upload.content
    ending, kind = _kind(content)
    if kind == "audio/wav":
        seconds, is_exact = _of_wave(content)
    else:
        seconds, is_exact = _by_its_own_account(content, ending), False
    if not 0 < seconds <= LONGEST_SECONDS:
        raise RecordingUnreadable(param="file")
    return Recording(f"recording.{ending}", kind, content, seconds, is_exact)


def at_most(recording: Recording) -> int:
    """Whole seconds that may be charged for it: twice its own account, where that can be wrong."""
    whole = math.ceil(recording.seconds)
    return whole if recording.is_exact else 2 * whole + 5


def _kind(content: bytes) -> tuple[str, str]:
    for begins, known in KINDS.items():
        if content.startswith(begins):
            return known
    if content[4:8] == b"ftyp":
        return "m4a", "audio/mp4"
    if len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0:
        return "mp3", "audio/mpeg"
    raise RecordingUnreadable(param="file")


def _of_wave(content: bytes) -> tuple[float, bool]:
    """Seconds of a RIFF WAVE (Microsoft and IBM, 1991), from the samples that are there."""
    place, second = 12, 0
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if name == b"fmt ":
            second = _bytes_a_second(content[place : place + min(size, 40)])
        elif name == b"data":
            if not second:
                break
            # A length that was not known when the file was begun stands as more than there is.
            return min(size, len(content) - place) / second, True
        place += size + size % 2
    raise RecordingUnreadable(param="file")


def _bytes_a_second(fmt: bytes) -> int:
    if len(fmt) < 16:
        raise RecordingUnreadable(param="file")
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", fmt)
    if coding == EXTENSIBLE and len(fmt) >= 26:
        (coding,) = struct.unpack_from("<H", fmt, 24)
    if (
        coding not in PLAIN_CODINGS
        or not SLOWEST <= rate <= FASTEST
        or channels < 1
        or bits not in (8, 16, 24, 32, 64)
    ):
        raise RecordingUnreadable(param="file")
    return rate * channels * bits // 8


def _by_its_own_account(content: bytes, ending: str) -> float:
    try:
        told = TinyTag.get(f"recording.{ending}", io.BytesIO(content), tags=False, check_magic_bytes=False)
    except (TinyTagException, ValueError, LookupError, struct.error, ArithmeticError, TypeError, EOFError):
        raise RecordingUnreadable(param="file") from None
    return told.duration or 0.0
