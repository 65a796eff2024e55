"""Recordings that nobody spoke."""

import io
import struct
import wave
from collections.abc import Sequence


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


def _crc8(head: bytes) -> int:
    """By long division, bit by bit: x⁸ + x² + x + 1."""
    bits = int.from_bytes(head) << 8
    for place in range(bits.bit_length() - 1, 7, -1):
        if bits >> place & 1:
            bits ^= 0x107 << place - 8
    return bits


def flac(seconds: float, rate: int = 8_000, *, told: float | None = None) -> bytes:
    """A FLAC (RFC 9639 §8.2, §9) in one frame for each second, which says how long it is: `told` seconds, where that is given."""
    said = rate << 44 | 0 << 41 | 15 << 36 | round((seconds if told is None else told) * rate)
    head = (
        b"fLaC\x80\x00\x00\x22" + bytes.fromhex("10001000") + bytes(6) + said.to_bytes(8, "big") + bytes(16)
    )
    frames: list[bytes] = []
    left = round(seconds * rate)
    while left:
        samples = min(left, rate)
        frame = b"\xff\xf8\x74\x08\x00" + (samples - 1).to_bytes(2, "big")
        frames.append(frame + bytes([_crc8(frame)]) + bytes(5))
        left -= samples
    return head + b"".join(frames)


def _page(packets: Sequence[bytes], granule: int, serial: int = 7) -> bytes:
    """A page of an Ogg (RFC 3533 §6) without its checksum."""
    lacing = b"".join(b"\xff" * (len(each) // 255) + bytes([len(each) % 255]) for each in packets)
    head = b"OggS\0\0" + struct.pack("<qIIIB", granule, serial, 0, 0, len(lacing))
    return head + lacing + b"".join(packets)


def opus(packets: int, *, told: float = 1, toc: bytes = b"\x08", serial: int = 7) -> bytes:
    """An Opus in Ogg (RFC 7845): so many packets, of 20 ms as they are usually, and `told` seconds by its last page."""
    heads = b"OpusHead\x01\x01" + struct.pack("<HIHB", 0, 48_000, 0, 0), b"OpusTags" + bytes(8)
    sound = [toc + b"silence"] * packets
    pages = [
        _page(sound[place : place + 50], round(told * 48_000), serial) for place in range(0, packets, 50)
    ]
    return _page(heads[:1], 0, serial) + _page(heads[1:], 0, serial) + b"".join(pages)


def vorbis(packets: int, *, told: float, rate: int = 8_000) -> bytes:
    """A Vorbis in Ogg whose packets have 1,024 samples at most, and which says that it lasts `told` seconds."""
    head = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 1, rate, 0, 64_000, 0, 0xB8, 1)
    heads = _page([head], 0) + _page([b"\x03vorbis" + bytes(8) + b"\x01", b"\x05vorbis" + bytes(9)], 0)
    sound = [b"\0silence"] * packets
    pages = [_page(sound[n : n + 10], round(told * rate)) for n in range(0, packets, 10)]
    return heads + b"".join(pages)


def _box(name: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return struct.pack(">I4s", 8 + len(inside), name) + inside


def m4a(
    frames: int, *, config: bytes = bytes([0x15, 0x88]), told: float = 1, sound: bytes = b"soun"
) -> bytes:
    """An MP4 with so many frames of AAC (plain, 8,000 a second unless `config` says otherwise), and `told` seconds by its heads."""
    told_units = round(told * 1_000)
    special = b"\x05" + bytes([len(config)]) + config
    decoder = b"\x04" + bytes([13 + len(special)]) + b"\x40\x15" + bytes(11) + special
    stream = b"\x03" + bytes([3 + len(decoder)]) + bytes(3) + decoder
    entry = _box(
        b"mp4a",
        bytes(6),
        b"\0\1",
        bytes(8),
        struct.pack(">HHII", 1, 16, 0, 8_000 << 16),
        _box(b"esds", bytes(4), stream),
    )
    table = _box(
        b"stbl",
        _box(b"stsd", bytes(4), struct.pack(">I", 1), entry),
        _box(b"stts", bytes(4), struct.pack(">III", 1, frames, 1)),
        _box(b"stsz", bytes(4), struct.pack(">II", 4, frames)),
    )
    heads = _box(b"mdhd", bytes(12), struct.pack(">II", 1_000, told_units), bytes(4))
    media = _box(b"mdia", heads, _box(b"hdlr", bytes(8), sound, bytes(12)), _box(b"minf", table))
    moov = _box(
        b"moov",
        _box(b"mvhd", bytes(12), struct.pack(">II", 1_000, told_units), bytes(80)),
        _box(b"trak", media),
    )
    return _box(b"ftyp", b"M4A \0\0\0\0M4A ") + moov + _box(b"mdat", b"hush" * min(frames, 1_000))
