"""How long recordings are: counted where it can be, and never less than what is there, whatever their heads say."""

import contextlib
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.gateway.audio.recordings import at_most, read_recording
from callmissed.gateway.forms import Upload
from callmissed.gateway.problems import RecordingUnreadable
from tests.support.recordings import compressed, flac, m4a, opus, recording, vorbis

FRAME = 1_152 / 44_100
HEADS = (b"RIFF\0\0\0\0WAVE", b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x50\xc4", b"OggS", b"fLaC", b"\0\0\0 ftypM4A ")


def seconds(content: bytes) -> float:
    return read_recording(Upload("a", "audio/x", content)).seconds


def test_what_is_there_counts_and_not_what_a_head_says() -> None:
    whole = recording(10)
    assert seconds(whole) == 10
    assert seconds(whole[:40] + struct.pack("<I", 2) + whole[44:]) == 10
    assert seconds(whole[:40] + b"\xff\xff\xff\xff" + whole[44:]) == 10
    two = whole[:36] + b"data" + struct.pack("<I", 2) + b"\0\0" + whole[36:]
    assert seconds(two) >= 10
    assert at_most(read_recording(Upload("a", "audio/x", whole))) == 10


def test_frames_are_counted_whatever_a_tag_says() -> None:
    plain = compressed(1_000)
    assert seconds(plain) == pytest.approx(1_000 * FRAME)
    xing = b"Xing" + struct.pack(">II", 1, 10)  # ten frames, it says
    assert seconds(plain[:36] + xing + plain[36 + len(xing) :]) == pytest.approx(1_000 * FRAME)
    tagged = b"ID3\4\0\0\0\0\x02\x00" + b"\xff" * 256 + plain + b"TAG" + bytes(125)
    assert seconds(tagged) == pytest.approx(1_000 * FRAME)


def test_a_flac_is_as_long_as_its_frames() -> None:
    assert seconds(flac(10)) == pytest.approx(10)
    assert seconds(flac(500.5, told=1)) == pytest.approx(500.5)
    assert seconds(flac(3, told=0)) == pytest.approx(3)
    assert seconds(flac(2) + random.Random(7).randbytes(3_000_000)) == pytest.approx(2, abs=1)
    assert unreadable(flac(0, told=10) + bytes(1_000))
    assert unreadable(b"ID3\4\0\0\0\0\0\0" + flac(10) + compressed(3))  # a decoder skips the tag


def test_an_opus_is_as_long_as_its_packets() -> None:
    assert seconds(opus(500, told=1)) == pytest.approx(10)
    assert seconds(opus(100, toc=b"\x1b\x02")) == pytest.approx(100 * 2 * 0.06)
    assert seconds(opus(100, toc=b"\xf1")) == pytest.approx(100 * 2 * 0.01)
    assert seconds(opus(100) + opus(50, serial=8)) == pytest.approx(3)
    assert seconds(opus(1)[:-8] + b"\x0b\x30silenc") == pytest.approx(48 * 0.02)
    assert at_most(read_recording(Upload("a", "audio/x", opus(500)))) == 10
    assert unreadable(opus(10).replace(b"OpusHead", b"Speex   "))


def test_a_vorbis_is_held_for_the_most_that_its_packets_can_be() -> None:
    honest, lying = vorbis(80, told=10), vorbis(4_000, told=1)
    assert seconds(honest) == pytest.approx(10)
    assert at_most(read_recording(Upload("a", "audio/x", lying))) >= 4_000 * 1_024 / 8_000


def test_an_mp4_is_as_long_as_its_frames() -> None:
    assert seconds(m4a(100, told=1)) == pytest.approx(100 * 1_024 / 8_000)
    wide = bytes([0x2B, 0x11, 0x88, 0x00])  # AAC of 24,000 samples that is widened to 48,000
    assert seconds(m4a(100, config=wide)) == pytest.approx(100 * 1_024 / 24_000)
    assert seconds(m4a(100, config=bytes([0x17, 0x80, 0x0F, 0xA0, 0x08]))) == pytest.approx(
        100 * 1_024 / 8_000
    )
    for odd in (m4a(0), m4a(10, config=b"\xf9\x48"), m4a(10, sound=b"vide"), m4a(10) + b"\0\0\0\x08moof"):
        assert unreadable(odd)


def unreadable(content: bytes) -> bool:
    """Whether it is refused."""
    with pytest.raises(RecordingUnreadable):
        seconds(content)
    return True


@given(
    place=st.integers(0, 400),
    new=st.binary(min_size=1, max_size=8),
    of=st.sampled_from([flac(1), opus(9), vorbis(9, told=1), m4a(9)]),
)
def test_whatever_is_altered_has_a_length_or_is_refused(place: int, new: bytes, of: bytes) -> None:
    for altered in (of[:place] + new + of[place + len(new) :], of[:place]):
        with contextlib.suppress(RecordingUnreadable):
            assert seconds(altered) > 0


@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=600))
def test_whatever_comes_has_a_length_or_is_refused(head: bytes, rest: bytes) -> None:
    try:
        found = seconds(head + rest)
    except RecordingUnreadable:
        return
    assert found > 0
