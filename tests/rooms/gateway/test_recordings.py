"""How long recordings are: counted where it can be, and never less than what is there, whatever their heads say."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.gateway.audio.recordings import at_most, read_recording
from callmissed.gateway.forms import Upload
from callmissed.gateway.problems import RecordingUnreadable
from tests.support.recordings import compressed, flac, recording

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


def test_a_head_that_says_next_to_nothing_is_held_against_the_size() -> None:
    assert seconds(flac(0.1) + bytes(24_000_000)) >= 20
    assert seconds(flac(10)) == pytest.approx(10)


@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=600))
def test_whatever_comes_has_a_length_or_is_refused(head: bytes, rest: bytes) -> None:
    try:
        found = seconds(head + rest)
    except RecordingUnreadable:
        return
    assert found > 0
