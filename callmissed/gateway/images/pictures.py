"""Pictures as an upstream answers them: read, and seen to be pictures."""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from callmissed.gateway.problems import UpstreamBroken

LARGEST_ANSWER = 64_000_000
"""Bytes of all pictures of a request, as they are answered."""
LONGEST_REVISION = 8_000


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture. `revised` is the prompt as its maker rewrote it; empty where it did not say."""

    content: bytes = field(repr=False)
    content_type: str
    revised: str = ""


class _Datum(msgspec.Struct):
    b64_json: str | None = None
    revised_prompt: str | None = None


class _Answer(msgspec.Struct):
    data: list[_Datum]


_answer = msgspec.json.Decoder(_Answer)


def read_pictures(document: bytes, most: int) -> Sequence[Picture]:
    """The pictures in an answer, no more than were asked for. Raises UpstreamBroken where there is none, or one that is none: also for
    an address in its place, which nobody here fetches.
    """
    try:
        found = _answer.decode(document).data[:most]
        pictures = [_picture(each) for each in found]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error, ValueError):
        raise UpstreamBroken from None
    if not pictures:
        raise UpstreamBroken
    return pictures


def _picture(datum: _Datum) -> Picture:
    content = binascii.a2b_base64((datum.b64_json or "").encode("ascii"), strict_mode=True)
    return Picture(content, content_type(content), (datum.revised_prompt or "")[:LONGEST_REVISION])


def content_type(content: bytes) -> str:
    """What a picture is, by how it begins (W3C PNG §5.2, ITU T.81 B.1.1.3, RFC 9649). Raises ValueError for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise ValueError("no picture")
