"""The length of an MP3 by its frames (ISO/IEC 11172-3 and 13818-3, layer III), whatever its tags say."""

from callmissed.gateway.problems import RecordingUnreadable

RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Samples a second by the version's number in a frame's head: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5."""
KILOBITS = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second by the version: MPEG-2.5 has those of MPEG-2."""
LAYER_THREE = 1
SAMPLES = {3: 1_152, 2: 576, 0: 576}
OTHERS = (b"fLaC", b"OggS", b"RIFF")
MOST_SEARCHES = 5_000
"""How often the next frame may be looked for where it does not stand, before this is no MP3."""


def seconds_of_frames(content: bytes) -> float:
    """Seconds of all frames that are there. Raises RecordingUnreadable where there are fewer than two, or hardly anything else."""
    place, seconds, frames, searches = _after_tag(content), 0.0, 0, 0
    if content[place : place + 4] in OTHERS or content[place + 4 : place + 8] == b"ftyp":
        raise RecordingUnreadable(param="file")  # decoders skip the tag, and hear what follows it
    while 0 <= place <= len(content) - 4:
        found = _frame(content, place)
        if found is None:
            searches += 1
            if searches > MOST_SEARCHES:
                break
            place = content.find(b"\xff", place + 1)
            continue
        size, lasts = found
        place, seconds, frames = place + size, seconds + lasts, frames + 1
    if frames < 2 or searches > MOST_SEARCHES:
        raise RecordingUnreadable(param="file")
    return seconds


def _after_tag(content: bytes) -> int:
    """Where an ID3v2 tag ends, whose length stands in four bytes of seven bits each (id3.org, ID3v2.4 §3.1)."""
    if not content.startswith(b"ID3") or len(content) < 10:
        return 0
    size = 0
    for each in content[6:10]:
        size = size << 7 | each & 0x7F
    return 10 + size


def _frame(content: bytes, place: int) -> tuple[int, float] | None:
    """Bytes and seconds of the frame that begins there; None where none does."""
    first, second, third = content[place : place + 3]
    version, layer = second >> 3 & 3, second >> 1 & 3
    rate, bits = third >> 2 & 3, third >> 4
    if (
        first != 0xFF
        or second & 0xE0 != 0xE0
        or version == 1
        or layer != LAYER_THREE
        or rate == 3
        or bits in (0, 15)
    ):
        return None
    hertz = RATES[version][rate]
    kilobits = KILOBITS[version or 2][bits - 1]
    samples = SAMPLES[version]
    return samples // 8 * kilobits * 1_000 // hertz + (third >> 1 & 1), samples / hertz
