"""Reading a batch's file: one request a line (JSON Lines), as OpenAI's clients write them. Nothing here asks anybody."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from callmissed.foundation.problems import Problem
from callmissed.gateway.batches.problems import LineElsewhere, LineRepeated, LineStreamed, LineUnreadable

MOST_LINES = 10_000
PART_BYTES = 256 * 1024
"""A part ends with the line that reaches this size."""
MOST_FAULTS = 100
"""Of a file's faults so many are told."""


class Line(msgspec.Struct):
    """A request as it stands in the file. `body` is JSON."""

    custom_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    method: str
    url: str
    body: msgspec.Raw


class Body(msgspec.Struct):
    """What is looked at in a body before it is read as the endpoint reads it."""

    model: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands: its line in the file (from 1), the part, and the bytes in it."""

    number: int
    part: int
    begins: int
    ends: int


Fault = tuple[int, str, str | None]
"""Line, code of the problem, and the member it is about."""

Allow = Callable[[str | None], None]
"""Raises a Problem unless this model may be asked; None where the body names none."""

_line = msgspec.json.Decoder(Line)
_body = msgspec.json.Decoder(Body)


def cut(content: bytes, size: int = PART_BYTES) -> Iterator[bytes]:
    """The parts of a file, each of whole lines and, but for the last, of at least that size."""
    begins = 0
    while begins < len(content):
        ends = content.find(b"\n", begins + size - 1) + 1 or len(content)
        yield content[begins:ends]
        begins = ends


def read_line(line: bytes) -> Line:
    """One request. Raises LineUnreadable."""
    try:
        return _line.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise LineUnreadable from None


class Reading:
    """Reads the parts of one file in order, and collects where its requests stand and what is wrong with them."""

    def __init__(self, endpoint: str, allow: Allow) -> None:
        self._endpoint = endpoint
        self._allow = allow
        self._ids: set[str] = set()
        self._models: dict[str | None, Problem | None] = {}
        self._number = 0
        self.places: list[Place] = []
        self.faults: list[Fault] = []

    @property
    def is_over(self) -> bool:
        """Whether no more needs to be read: there are too many requests, or too many faults."""
        return len(self.places) > MOST_LINES or len(self.faults) >= MOST_FAULTS

    def part(self, number: int, content: bytes) -> None:
        """Read a part."""
        begins = 0
        while begins < len(content) and not self.is_over:
            ends = content.find(b"\n", begins) + 1 or len(content)
            self._number += 1
            line = content[begins:ends].strip()
            if line:
                self.places.append(Place(self._number, number, begins, ends))
                self._look(line)
            begins = ends

    def _look(self, line: bytes) -> None:
        try:
            asked = read_line(line)
            self._check(asked)
        except Problem as problem:
            self.faults.append((self._number, problem.code, problem.details.get("param")))

    def _check(self, asked: Line) -> None:
        """Raises what is wrong with a line."""
        if asked.method != "POST" or asked.url != self._endpoint:
            raise LineElsewhere(param="url")
        if asked.custom_id in self._ids:
            raise LineRepeated(param="custom_id")
        self._ids.add(asked.custom_id)
        try:
            body = _body.decode(asked.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise LineUnreadable(param="body") from None
        if body.stream:
            raise LineStreamed(param="body.stream")
        if body.model not in self._models:
            self._models[body.model] = self._refusal(body.model)
        refusal = self._models[body.model]
        if refusal is not None:
            raise refusal

    def _refusal(self, model: str | None) -> Problem | None:
        try:
            self._allow(model)
        except Problem as problem:
            return type(problem)(param="body.model")
        return None


def told(faults: list[list[object]], messages: Mapping[str, type[Problem]]) -> list[dict[str, object]]:
    """Faults as the batch object lists them."""
    return [
        {
            "code": code,
            "message": messages.get(str(code), Problem).default_message(),
            "param": param,
            "line": line or None,
        }
        for line, code, param in faults
    ]
