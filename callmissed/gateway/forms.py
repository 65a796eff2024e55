"""Forms with files (multipart/form-data, RFC 7578), as OpenAI's clients send recordings and batches. Read whole, from memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import ParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from callmissed.foundation.problems import Malformed
from callmissed.gateway.problems import RequestInvalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS = 64
LONGEST_FIELD = 200_000
"""Bytes of a field that is no file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file. `name` is what its sender calls it, for telling kinds apart and for showing: never a path to write to."""

    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in it: fields in the order they came, and files by their field."""

    fields: Sequence[tuple[str, str]]
    files: Mapping[str, Upload]

    def one(self, name: str) -> str | None:
        """The last value of a field that has one; None where it does not stand."""
        return next((value for known, value in reversed(self.fields) if known == name), None)

    def every(self, name: str) -> tuple[str, ...]:
        """The values of a field that may stand several times, as `name` or `name[]`."""
        return tuple(value for known, value in self.fields if known in (name, f"{name}[]"))

    def file(self, name: str) -> Upload:
        """A file that must be there. Raises RequestInvalid."""
        if name not in self.files:
            raise RequestInvalid(f"`{name}` is a file: send it as a part with a filename.", param=name)
        return self.files[name]


def without_boundary(content_type: str, body: bytes) -> bytes:
    """The same bytes for the same form, however its parts are divided: clients draw a boundary anew for each attempt."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    return body.replace(boundary, b"") if boundary else body


def read_form(content_type: str, body: bytes) -> Form:
    """Read a body. Raises RequestInvalid for another content type or too many parts, and Malformed for what is none."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:  # RFC 2046 §5.1.1
        raise RequestInvalid("Send this as multipart/form-data.", param="content-type")
    reading = _Reading()
    try:
        parser = MultipartParser(boundary, reading.callbacks)
        parser.write(body)
        parser.finalize()
    except (ParseError, UnicodeDecodeError):
        raise Malformed from None
    if not reading.is_complete:
        raise Malformed
    return Form(reading.fields, reading.files)


class _Reading:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self._header = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._data = bytearray()
        self._parts = 0
        self.is_complete = False
        self.fields: list[tuple[str, str]] = []
        self.files: dict[str, Upload] = {}

    @property
    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._named,
            "on_header_value": self._valued,
            "on_header_end": self._header_end,
            "on_part_data": self._content,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise RequestInvalid(f"A form has at most {MOST_PARTS} parts.", param="content-type")
        self._headers, self._data = {}, bytearray()

    def _named(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _valued(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _content(self, data: bytes, start: int, end: int) -> None:
        self._data += memoryview(data)[start:end]

    def _part_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode()
        if b"filename" in options:
            kind = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
            self.files[name] = Upload(options[b"filename"].decode(errors="replace"), kind, bytes(self._data))
        elif len(self._data) > LONGEST_FIELD:
            raise RequestInvalid(f"`{name}` is too long for a field.", param=name)
        else:
            self.fields.append((name, self._data.decode()))

    def _end(self) -> None:
        self.is_complete = True
