"""Values again in answers: whole ones, and streams in which a placeholder may be cut anywhere."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import msgspec

from callmissed.gateway.masking.mask import Mask
from callmissed.gateway.upstreams import Piece, Replied

Path = tuple[str | int, ...]
"""Where a text stands in what a choice adds: names of members, and for lists the `index` that an item says it has."""

_read = msgspec.json.Decoder(list[dict[str, Any]])


def restored(mask: Mask, replied: Replied) -> Replied:
    """A whole answer, with values."""
    return replace(replied, choices=mask.restore_json(replied.choices), text=mask.restore(replied.text))


class Restoring:
    """One stream. What may be the beginning of a placeholder waits for its rest, and nothing else waits."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held: dict[int, dict[Path, str]] = {}

    async def pieces(self, pieces: AsyncGenerator[Piece]) -> AsyncGenerator[Piece]:
        """The pieces of the stream, with values."""
        async with aclosing(pieces):
            async for piece in pieces:
                yield self.piece(piece)
        if (rest := self.rest()) is not None:
            yield rest

    def piece(self, piece: Piece) -> Piece:
        """A piece, without what waits and with what need not wait any more."""
        if not piece.choices:
            return piece
        choices = _read.decode(piece.choices)
        for choice in choices:
            delta = choice.get("delta")
            if isinstance(delta, dict):
                added = cast("dict[str, Any]", delta)
                self._add(
                    self._held.setdefault(choice.get("index", 0), {}),
                    added,
                    last=bool(choice.get("finish_reason")),
                )
        return replace(piece, choices=msgspec.json.encode(choices), text=_said(choices))

    def rest(self) -> Piece | None:
        """What still waits when nothing more comes."""
        choices: list[dict[str, Any]] = []
        for index, held in self._held.items():
            delta: dict[str, Any] = {}
            _put(delta, held)
            if delta:
                choices.append({"index": index, "delta": delta, "finish_reason": None})
        return Piece(msgspec.json.encode(choices), _said(choices)) if choices else None

    def _add(self, held: dict[Path, str], delta: dict[str, Any], *, last: bool) -> None:
        """Read what one choice adds. A text that waits goes out when something else is said, or nothing more."""
        places = [place for place in _texts(delta, ()) if place[2]]
        met = {path for path, _, _ in places}
        overtaken = [] if not last and met <= {("role",)} else [path for path in held if path not in met]
        gone = {path: held.pop(path) for path in overtaken}
        for path, (node, name), text in places:
            whole = held.pop(path, "") + text
            begun = 0 if last else self._mask.begun(whole)
            node[name] = self._mask.restore(whole[: len(whole) - begun])
            if begun:
                held[path] = whole[-begun:]
        _put(delta, gone)


def _texts(node: Any, path: Path) -> Iterator[tuple[Path, tuple[Any, Any], str]]:
    """Every text below a node: its path, where to write it, and what it says."""
    if isinstance(node, dict):
        for name, value in cast("dict[str, Any]", node).items():
            if isinstance(value, str):
                yield (*path, name), (cast("Any", node), name), value
            else:
                yield from _texts(value, (*path, name))
    elif isinstance(node, list):
        for n, item in enumerate(cast("list[Any]", node)):
            if isinstance(item, dict):
                place = cast("dict[str, Any]", item).get("index", n)
                yield from _texts(item, (*path, place if isinstance(place, int) else n))


def _put(delta: dict[str, Any], held: dict[Path, str]) -> None:
    """Write texts that waited, and that the delta does not add to, into it."""
    for path, text in held.items():
        node: Any = delta
        for name, below in pairwise(path):
            if isinstance(name, str):
                node[name] = node.get(name) or ([] if isinstance(below, int) else {})
                node = node[name]
            else:
                found = next((each for each in node if each.get("index") == name), None)
                if found is None:
                    found = {"index": name}
                    node.insert(0, found)
                node = found
        node[path[-1]] = (node.get(path[-1]) or "") + text


def _said(choices: list[dict[str, Any]]) -> str:
    """The words in what choices add."""
    contents = [cast("dict[str, Any]", choice.get("delta") or {}).get("content") for choice in choices]
    return "".join(each for each in contents if isinstance(each, str))
