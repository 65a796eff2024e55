"""How long a recording is, because it is held in the wallet before anybody hears it.

It is counted: samples of a fixed size, frames and packets, as many as there are, whatever a head says. Of Ogg Vorbis the count is the
most that there can be: it is asked for its own account, of which no less is taken than half of that, and who hears it says how long it was.
"""

import io
import math
import struct

from tinytag import TinyTag
from tinytag.tinytag import TinyTagException

from callmissed.gateway.audio.containers import seconds_of_flac, seconds_of_mp4, seconds_of_ogg
from callmissed.gateway.audio.frames import seconds_of_frames
from callmissed.gateway.forms import Upload
from callmissed.gateway.problems import RecordingUnreadable
from callmissed.gateway.upstreams import Recording

LONGEST_SECONDS = 24 * 3_600
PLAIN_CODINGS = (1, 3, 6, 7)
"""PCM, floating point, A-law, µ-law: samples of a fixed size (RFC 2361)."""
EXTENSIBLE = 0xFFFE
"""The coding stands in the first two bytes of the sub-format (Microsoft, WAVEFORMATEXTENSIBLE)."""
FASTEST, SLOWEST, MOST_CHANNELS = 192_000, 4_000, 8
"""Samples a second, and channels."""
FASTEST_SPEECH = 40
"""Characters a second: nobody speaks as fast, so a longer transcript tells of a longer recording."""
KINDS = {
    b"RIFF": ("wav", "audio/wav"),
    b"ID3": ("mp3", "audio/mpeg"),
    b"OggS": ("ogg", "audio/ogg"),
    b"fLaC": ("flac", "audio/flac"),
}
"""What a file begins with, to how it may be named and called (MP3 and MP4 are told below)."""


def read_recording(upload: Upload) -> Recording:
    """A recording with its length. Raises RecordingUnreadable. It reads the whole file: call it in a thread."""
    content = upload.content
    ending, kind = _kind(content)
    exact = True
    if ending == "wav":
        seconds = _of_wave(content)
    elif ending == "mp3":
        seconds = seconds_of_frames(content)
    elif ending == "flac":
        seconds = seconds_of_flac(content)
    elif ending == "m4a":
        seconds = seconds_of_mp4(content)
    else:
        seconds, exact = seconds_of_ogg(content)
    if not exact:
        seconds = max(_by_its_own_account(content, ending), seconds / 2)
    if not 0 < seconds <= LONGEST_SECONDS:
        raise RecordingUnreadable(param="file")
    return Recording(f"recording.{ending}", kind, content, seconds, is_exact=exact)


def at_most(recording: Recording) -> int:
    """Whole seconds that may be charged for it: twice its own account, where that can be wrong."""
    whole = math.ceil(recording.seconds)
    return whole if recording.is_exact else 2 * whole + 5


def at_least(text: str) -> int:
    """Whole seconds that somebody needs to say it."""
    return len(text) // FASTEST_SPEECH


def _kind(content: bytes) -> tuple[str, str]:
    for begins, known in KINDS.items():
        if content.startswith(begins):
            return known
    if content[4:8] == b"ftyp":
        return "m4a", "audio/mp4"
    if len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0:
        return "mp3", "audio/mpeg"
    raise RecordingUnreadable(param="file")


def _of_wave(content: bytes) -> float:
    """Seconds of a RIFF WAVE (Microsoft and IBM, 1991): all that follows the head of its samples counts as samples.

    So nothing is gained by a head that names fewer, by a second one, or by a second format, which is refused.
    """
    place, second = 12, 0
    while content[8:12] == b"WAVE" and place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if name == b"fmt ":
            if second:
                break
            second = _bytes_a_second(content[place : place + min(size, 40)])
        elif name == b"data":
            if not second:
                break
            return (len(content) - place) / second
        place += size + size % 2
    raise RecordingUnreadable(param="file")


def _bytes_a_second(fmt: bytes) -> int:
    if len(fmt) < 16:
        raise RecordingUnreadable(param="file")
    coding, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", fmt)
    if coding == EXTENSIBLE and len(fmt) >= 26:
        (coding,) = struct.unpack_from("<H", fmt, 24)
    usual = coding in PLAIN_CODINGS and SLOWEST <= rate <= FASTEST and 1 <= channels <= MOST_CHANNELS
    if not usual or bits not in (8, 16, 24, 32, 64) or align != channels * bits // 8:
        raise RecordingUnreadable(param="file")
    return rate * align


def _by_its_own_account(content: bytes, ending: str) -> float:
    try:
        told = TinyTag.get(f"recording.{ending}", io.BytesIO(content), tags=False, check_magic_bytes=False)
    except (TinyTagException, ValueError, LookupError, struct.error, ArithmeticError, TypeError, EOFError):
        raise RecordingUnreadable(param="file") from None
    if not told.duration:
        raise RecordingUnreadable(param="file")
    return told.duration
