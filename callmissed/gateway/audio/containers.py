"""The length of FLAC, Ogg and MP4 recordings by what a decoder finds in them, whatever their heads say.

Each counts at least as much as is heard: a recording that says less would be heard at the operator's cost. What cannot be counted is
refused with RecordingUnreadable.
"""

import re
import struct
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final

from callmissed.gateway.problems import RecordingUnreadable

MOST_PACKETS: Final = 5_000_000
"""Of an Ogg: more than a day of them."""
MOST_BOXES: Final = 10_000
"""Of an MP4, on one level."""

# FLAC (RFC 9639)

_sync = re.compile(rb"\xff[\xf8\xf9]")
FLAC_RATES: Final = (
    0,
    88_200,
    176_400,
    192_000,
    8_000,
    16_000,
    22_050,
    24_000,
    32_000,
    44_100,
    48_000,
    96_000,
)


def seconds_of_flac(content: bytes) -> float:
    """Seconds of all frames whose head is one by its checksum. Their numbers are not looked at: decoders do not either."""
    if len(content) < 26:
        raise RecordingUnreadable(param="file")
    usual = int.from_bytes(content[18:21]) >> 4
    place, seconds = 4, 0.0
    while content[place : place + 1] < b"\x80" and place + 4 < len(
        content
    ):  # blocks of metadata, up to the last
        place += 4 + int.from_bytes(content[place + 1 : place + 4])
    place += 4 + int.from_bytes(content[place + 1 : place + 4])
    for found in _sync.finditer(content, min(place, len(content))):
        samples, rate = _flac_frame(content[found.start() : found.start() + 16])
        seconds += samples / (rate or usual or 1)
    if not seconds:
        raise RecordingUnreadable(param="file")
    return seconds


def _flac_frame(head: bytes) -> tuple[int, int]:
    """Samples, and how many of them a second (0: as the stream says), of the frame that begins so; (0, 0) where none does (§9.1)."""
    if len(head) < 6 or head[2] >> 4 == 0 or head[2] & 15 == 15 or head[3] >> 4 > 10 or head[3] & 1:
        return 0, 0
    size, hertz = head[2] >> 4, head[2] & 15
    place = 4 + max(1, 8 - (head[4] ^ 0xFF).bit_length())  # the frame's number, as UTF-8 writes numbers
    size_bytes = {6: 1, 7: 2}.get(size, 0)
    rate_bytes = {12: 1, 13: 2, 14: 2}.get(hertz, 0)
    ends = place + size_bytes + rate_bytes
    if ends >= len(head) or _crc8(head[:ends]) != head[ends]:
        return 0, 0
    told = int.from_bytes(head[place : place + size_bytes])
    samples = told + 1 if size_bytes else 192 if size == 1 else 144 << size if size < 6 else 1 << size
    rate = int.from_bytes(head[place + size_bytes : ends]) * {12: 1_000, 14: 10}.get(hertz, 1)
    return samples, FLAC_RATES[hertz] if hertz < len(FLAC_RATES) else rate


def _crc8(head: bytes) -> int:
    """Polynomial x⁸ + x² + x + 1 (§9.1.8)."""
    found = 0
    for each in head:
        found ^= each
        for _ in range(8):
            found = (found << 1 ^ 0x107) if found & 0x80 else found << 1
    return found


# Ogg (RFC 3533), with Opus (RFC 7845, RFC 6716 §3.1) and Vorbis (Xiph.org, Vorbis I §1.3.2, §4.2.2) in it

OPUS_MS: Final = ((10, 20, 40, 60),) * 3 + ((10, 20, 10, 20),) + ((2.5, 5, 10, 20),) * 4


@dataclass(slots=True)
class _Stream:
    """One stream of an Ogg: where its packet begins and how long it is so far (None: between packets), and what is known of it."""

    begins: int | None = None
    size: int = 0
    codec: str = ""
    longest: float = 0.0
    seconds: float = 0.0

    def packet(self, content: bytes, place: int, size: int) -> None:
        """Learn from a whole packet."""
        if not self.codec:
            self._first(content, place)
        elif not size:
            return
        elif self.codec == "vorbis":
            self.seconds += 0 if content[place] & 1 else self.longest  # an odd one is a head
        elif content[place : place + 8] != b"OpusTags":
            toc = content[place]
            frames = (1, 2, 2, content[place + 1] & 63 if size > 1 else 0)[toc & 3]
            self.seconds += frames * OPUS_MS[toc >> 5][toc >> 3 & 3] / 1_000

    def _first(self, content: bytes, place: int) -> None:
        if content[place : place + 8] == b"OpusHead":
            self.codec = "opus"
        elif content[place : place + 7] == b"\x01vorbis" and place + 30 <= len(content):
            (rate,) = struct.unpack_from("<I", content, place + 12)
            self.codec, self.longest = "vorbis", (1 << (content[place + 28] >> 4)) / 2 / (rate or 1)
        else:
            raise RecordingUnreadable(param="file")


def seconds_of_ogg(content: bytes) -> tuple[float, bool]:
    """Seconds of all packets of all streams; whether that is what is heard, or only the most that can be (Vorbis)."""
    streams: dict[int, _Stream] = {}
    place, packets = 0, 0
    while (place := content.find(b"OggS", place)) >= 0 and place + 27 <= len(content):
        stream = streams.setdefault(int.from_bytes(content[place + 14 : place + 18], "little"), _Stream())
        lacing = content[place + 27 : place + 27 + content[place + 26]]
        if not content[place + 5] & 1:
            stream.begins = None
        place += 27 + len(lacing)
        for size in lacing:
            if stream.begins is None:
                stream.begins, stream.size = place, 0
            place += size
            stream.size += size
            if size < 255 and place <= len(content):
                stream.packet(content, stream.begins, stream.size)
                stream.begins = None
        packets += len(lacing)
        if packets > MOST_PACKETS:
            raise RecordingUnreadable(param="file")
    seconds = sum(each.seconds for each in streams.values())
    return seconds, all(each.codec == "opus" for each in streams.values())


# MP4 (ISO/IEC 14496-12), with AAC (14496-3 §1.6.2.1) or Apple Lossless in it

AAC: Final = frozenset({1, 2, 4, 5, 29})
"""Kinds of AAC with 1,024 samples in a frame, at the rate of the core: plain, and with what widens it."""
AAC_RATES: Final = (
    96_000,
    88_200,
    64_000,
    48_000,
    44_100,
    32_000,
    24_000,
    22_050,
    16_000,
    12_000,
    11_025,
    8_000,
    7_350,
)
FRAME: Final = 1_024
Box = tuple[bytes, bytes]


def seconds_of_mp4(content: bytes) -> float:
    """Seconds of the longest of its sound tracks: as many frames as it has, each as long as its codec makes them."""
    try:
        whole = list(_boxes(content, skip=b"mdat"))
        if any(name == b"moof" for name, _ in whole):  # in fragments: these have tables of their own
            raise RecordingUnreadable(param="file")
        tracks = [
            _mp4_track(list(_boxes(each)))
            for moov in _named(whole, b"moov")
            for each in _named(_boxes(moov), b"trak")
        ]
    except (struct.error, IndexError, ZeroDivisionError):
        raise RecordingUnreadable(param="file") from None
    return max(tracks, default=0.0)


def _boxes(content: bytes, skip: bytes = b"") -> Generator[Box]:
    """Name and content of each box; of those named `skip` without content."""
    place = boxes = 0
    while place + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, place)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", content, place + 8), 16
        ends = place + size if size else len(content)
        boxes += 1
        if ends < place + head or boxes > MOST_BOXES:
            raise RecordingUnreadable(param="file")
        yield name, b"" if name == skip else content[place + head : ends]
        place = ends


def _named(boxes: Iterable[Box], *names: bytes) -> list[bytes]:
    return [content for name, content in boxes if name in names]


def _mp4_track(track: list[Box]) -> float:
    """Seconds of a track; 0 of one that is no sound."""
    [media] = _named(track, b"mdia") or [b""]
    if not any(each[8:12] == b"soun" for each in _named(_boxes(media), b"hdlr")):
        return 0.0
    tables = [
        table
        for info in _named(_boxes(media), b"minf")
        for found in _named(_boxes(info), b"stbl")
        for table in _boxes(found)
    ]
    entries = [entry for each in _named(tables, b"stsd") for entry in _boxes(each[8:])]
    frames = sum(struct.unpack_from(">I", each, 8)[0] for each in _named(tables, b"stsz"))
    if not entries or not frames:
        raise RecordingUnreadable(param="file")
    return frames * max(_mp4_frame(name, entry) for name, entry in entries)


def _mp4_frame(name: bytes, entry: bytes) -> float:
    """Seconds of a frame of this entry of the table of codecs."""
    version = struct.unpack_from(">H", entry, 8)[0]
    if version > 1:
        raise RecordingUnreadable(param="file")
    inside = list(_boxes(entry[28 + 16 * version :]))
    inside += [each for wave in _named(inside, b"wave") for each in _boxes(wave)]
    if name == b"alac" and (cookies := _named(inside, b"alac")):
        frame, rate = struct.unpack_from(">I16xI", cookies[0], 4)
        return frame / rate
    if name != b"mp4a" or not (configs := _named(inside, b"esds")):
        raise RecordingUnreadable(param="file")
    return FRAME / _aac_rate(configs[0][4:])


def _aac_rate(descriptors: bytes) -> int:
    """Samples a second of the core, by the descriptors of a stream (ISO/IEC 14496-1 §7.2.6)."""
    tag, place = _descriptor(descriptors, 0)
    if tag != 3:
        raise RecordingUnreadable(param="file")
    flags = descriptors[place + 2]
    place += (
        3
        + (2 if flags & 0x80 else 0)
        + (1 + descriptors[place + 3] if flags & 0x40 else 0)
        + (2 if flags & 0x20 else 0)
    )
    tag, place = _descriptor(descriptors, place)
    kind = descriptors[place]
    told, place = _descriptor(descriptors, place + 13)
    bits = int.from_bytes(descriptors[place : place + 5].ljust(5, b"\0"))
    rate = bits >> 31 & 15
    if tag != 4 or kind not in (0x40, 0x66, 0x67, 0x68) or told != 5 or bits >> 35 not in AAC:
        raise RecordingUnreadable(param="file")
    return bits >> 7 & 0xFFFFFF if rate == 15 else AAC_RATES[rate]


def _descriptor(content: bytes, place: int) -> tuple[int, int]:
    """Tag of the descriptor there, and where what it holds begins."""
    tag, place = content[place], place + 1
    while content[place] & 0x80:
        place += 1
    return tag, place + 1
