"""A streamed response: it begins, its items come one after another, each opened, added to and closed, and it ends.

Chunks of a completion say neither where an item begins nor where it ends; both follow from what a chunk adds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from callmissed.foundation.problems import Problem
from callmissed.gateway.choices import Said, first_choice
from callmissed.gateway.completions import Call
from callmissed.gateway.requests import CompletionRequest
from callmissed.gateway.responses.writing import (
    called,
    ended,
    opening,
    refusal_part,
    spoken,
    thought,
    words_part,
)
from callmissed.gateway.upstreams import Piece
from callmissed.gateway.wire import named_event


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of item: how it is written, and what its events are called.

    `place` names the index inside the item, None where an item has no parts; `text` the member that holds what was added.
    """

    events: str
    place: str | None
    text: str
    part: Callable[[str], Mapping[str, Any]]
    part_events: str = ""


def _summary(text: str) -> Mapping[str, Any]:
    return {"type": "summary_text", "text": text}


def _nothing(_: str) -> Mapping[str, Any]:
    return {}


THOUGHT = Kind(
    "response.reasoning_summary_text", "summary_index", "text", _summary, "response.reasoning_summary_part"
)
WORDS = Kind("response.output_text", "content_index", "text", words_part, "response.content_part")
REFUSAL = Kind("response.refusal", "content_index", "refusal", refusal_part, "response.content_part")
CALLED = Kind("response.function_call_arguments", None, "arguments", _nothing)


Write = Callable[[str, str], dict[str, Any]]
"""Writes an item with this id and this text."""


@dataclass(slots=True)
class Open:
    """An item that is being said: its place in the response, and what has been added so far."""

    kind: Kind
    which: int
    index: int
    item_id: str
    write: Write
    said: list[str] = field(default_factory=list[str])

    @property
    def item(self) -> dict[str, Any]:
        """As it is now."""
        return self.write(self.item_id, "".join(self.said))

    @property
    def empty(self) -> dict[str, Any]:
        """As it is announced, before its first part."""
        nothing: list[Any] = []
        parts = {name: nothing for name in ("content", "summary") if name in self.item}
        return {**self.item, **parts, "status": "in_progress"}


class ResponseEvents:
    """The events of one response, as bytes for the wire."""

    def __init__(self, call: Call, request: CompletionRequest) -> None:
        self._call = call
        self._id = str(call.id)
        self._request = request
        self._begun: dict[str, Any] = {}
        self._items: list[dict[str, Any]] = []
        self._open: Open | None = None
        self._finish: str | None = None
        self._number = -1

    def begin(self) -> bytes:
        """Before the first piece."""
        self._begun = opening(self._id, self._call.route.model.id, self._request)
        created = self._event("response.created", response=self._begun)
        return created + self._event("response.in_progress", response=self._begun)

    def piece(self, piece: Piece) -> bytes:
        """What a piece adds. There is one choice: the language asks for no more."""
        choice = first_choice(piece.choices)
        if choice is None:
            return b""
        self._finish = choice.finish_reason or self._finish
        return b"".join(self._added(choice.delta))

    def end(self) -> bytes:
        """After the last piece."""
        closed = b"".join(self._close())
        told = ended(self._begun, self._items, self._finish, self._call.counted[:2])
        whole = {**told, **self._call.members()}
        return closed + self._event(f"response.{whole['status']}", response=whole)

    def problem(self, problem: Problem) -> bytes:
        """What went wrong under way: the last event there is."""
        return self._event("error", code=problem.code, message=problem.message, param=None)

    def _added(self, delta: Said) -> Iterator[bytes]:
        if delta.reasoning_content:
            yield from self._add(THOUGHT, 0, delta.reasoning_content, thought)
        if delta.content:
            yield from self._add(WORDS, 0, delta.content, lambda item, text: spoken(item, words_part(text)))
        if delta.refusal:
            yield from self._add(
                REFUSAL, 0, delta.refusal, lambda item, text: spoken(item, refusal_part(text))
            )
        for call in delta.tool_calls or ():
            known = call.id or "", call.function.name or ""
            yield from self._add(
                CALLED,
                call.index,
                call.function.arguments or "",
                lambda item, text, known=known: called(item, *known, text),
            )

    def _add(self, kind: Kind, which: int, text: str, write: Write) -> Iterator[bytes]:
        if self._open is None or (self._open.kind, self._open.which) != (kind, which):
            yield from self._close()
            index = len(self._items)
            self._open = Open(kind, which, index, f"{self._id}_{index}", write)
            yield self._event("response.output_item.added", output_index=index, item=self._open.empty)
            if kind.part_events:
                yield self._placed(f"{kind.part_events}.added", part=kind.part(""))
        if text:
            self._open.said.append(text)
            yield self._placed(f"{kind.events}.delta", delta=text)

    def _close(self) -> Iterator[bytes]:
        if self._open is None:
            return
        kind, text = self._open.kind, "".join(self._open.said)
        yield self._placed(f"{kind.events}.done", **{kind.text: text})
        if kind.part_events:
            yield self._placed(f"{kind.part_events}.done", part=kind.part(text))
        item = self._open.item
        yield self._event("response.output_item.done", output_index=self._open.index, item=item)
        self._items.append(item)
        self._open = None

    def _placed(self, name: str, **members: Any) -> bytes:
        """An event about the item that is open."""
        if self._open is None:
            return b""
        place: dict[str, Any] = {self._open.kind.place: 0} if self._open.kind.place else {}
        if self._open.kind is WORDS and name.startswith(WORDS.events):
            place["logprobs"] = []
        about = {"item_id": self._open.item["id"], "output_index": self._open.index}
        return self._event(name, **about, **place, **members)

    def _event(self, name: str, **members: Any) -> bytes:
        self._number += 1
        return named_event(name, {"sequence_number": self._number, **members})
