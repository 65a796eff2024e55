"""Forms: what a real client writes is read back, and what is none is refused."""

from contextlib import suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmissed.foundation.problems import Malformed
from callmissed.gateway.forms import LONGEST_FIELD, MOST_PARTS, Form, read_form
from callmissed.gateway.problems import RequestInvalid

KIND = "multipart/form-data; boundary=x"


def written(fields: dict[str, object], files: dict[str, tuple[str, bytes]]) -> tuple[str, bytes]:
    """As httpx writes it, and so OpenAI's client for Python."""
    request = httpx.Request(
        "POST",
        "http://here.example",
        data=fields,
        files={name: (*file, "audio/wav") for name, file in files.items()},
    )
    return request.headers["content-type"], request.read()


def form(body: bytes) -> Form:
    return read_form(KIND, body)


@given(content=st.binary(max_size=2_000), name=st.text(min_size=1, max_size=40), value=st.text(max_size=200))
def test_what_a_client_writes_is_read_back(content: bytes, name: str, value: str) -> None:
    kind, body = written({"model": value, "words[]": ["a", "b"]}, {"file": (name, content)})
    read = read_form(kind, body)
    assert read.one("model") == value
    assert read.every("words") == ("a", "b")
    assert read.one("else") is None
    assert read.file("file").content == content
    assert read.file("file").content_type == "audio/wav"
    with pytest.raises(RequestInvalid):
        read.file("other")


@given(body=st.binary(max_size=400), around=st.booleans())
def test_whatever_comes_is_a_form_or_a_problem(body: bytes, *, around: bool) -> None:
    with suppress(RequestInvalid, Malformed):
        form(b"--x\r\n" + body + b"\r\n--x--\r\n" if around else body)


def test_a_form_that_was_cut_is_none() -> None:
    _, body = written({"model": "m"}, {"file": ("a.wav", b"12345")})
    boundary = body[2 : body.index(b"\r\n")].decode()
    for end in range(0, len(body) - 4, 7):
        with pytest.raises(Malformed):
            read_form(f"multipart/form-data; boundary={boundary}", body[:end])


@pytest.mark.parametrize(
    "kind", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary="]
)
def test_another_kind_of_body_is_refused(kind: str) -> None:
    with pytest.raises(RequestInvalid):
        read_form(kind, b"")


def test_a_form_has_an_end() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n%b\r\n'
    for body in (part % b"1" * (MOST_PARTS + 1), part % (b"1" * (LONGEST_FIELD + 1))):
        with pytest.raises(RequestInvalid):
            form(body + b"--x--\r\n")
