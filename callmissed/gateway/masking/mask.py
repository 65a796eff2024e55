"""The placeholders of one request: which values they stand for, and what the request says with them in place."""

import asyncio
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from callmissed.gateway.masking.identifiers import KINDS, find
from callmissed.gateway.problems import TooLongToMask
from callmissed.gateway.requests import readable

AS_THEY_ARE = frozenset(
    {
        ("image_url", "url"), ("video_url", "url"), ("input_audio", "data"), ("file", "file_data"),
        ("base64", "data"), ("url", "url"),
    }
)  # fmt: skip
"""Parts of a message, by their `type`, and the member of each whose text is no words (OpenAI's, then Anthropic's): bytes, and
addresses that are fetched."""
MOST = 2_000_000
"""Characters of one request that are looked through at all."""
MUCH = 5_000
"""Characters that take long enough to look through that others need not wait for it."""

_BYTES = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=\r\n]*")
"""An address that holds bytes (RFC 2397): wherever it stands, it is no words."""
_NO_WORDS = re.compile(r"https?://.*|[A-Za-z0-9+/=\r\n_-]*", re.DOTALL)
_LOOKALIKE = re.compile(rf"\[(?:{'|'.join(KINDS)})(X*)_")
_ESCAPED = re.compile(r"(?<!\\)\\+u00([2-7][0-9A-Fa-f])")


class Mask:
    """Values and their placeholders. `said` is everything the request says: a placeholder never looks like a part of it.

    Nothing that is found, and so no value, holds a character that JSON escapes: values and placeholders change places inside JSON
    as they do in plain text, at any depth.
    """

    def __init__(self, said: str) -> None:
        if "\\u00" in said:  # arguments are JSON in a string, written anew when something is masked in them
            said = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), said)
        taken = [len(match[1]) + 1 for match in _LOOKALIKE.finditer(said)]
        self._odd = "X" * max(taken, default=0)
        self._marks: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._looked = 0
        self._sorted: list[str] = []
        self._shape = re.compile(rf"\[(?:{'|'.join(KINDS)}){self._odd}_[0-9]+\]")
        self._shape_bytes = re.compile(self._shape.pattern.encode())

    def __len__(self) -> int:
        """How many values are masked."""
        return len(self._values)

    def text(self, text: str) -> str:
        """A text with placeholders. Raises TooLongToMask when all that was looked through is more than MOST."""
        self._looked += len(text)
        if self._looked > MOST:
            raise TooLongToMask
        found = find(text)
        if not found:
            return text
        parts: list[str] = []
        last = 0
        for start, end, kind in found:
            parts += [text[last:start], self._mark(kind, text[start:end])]
            last = end
        return "".join([*parts, text[last:]])

    def members(self, extra: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """Members of a request, as they came unless there is something to mask in them."""
        masked: dict[str, msgspec.Raw] = {}
        for name, raw in extra.items():
            was = msgspec.json.decode(raw)
            is_setting = name == "seed" and isinstance(was, int)  # long, nobody's, and a number it must stay
            now = was if is_setting else self.words(was, name)
            masked[name] = raw if now == was else msgspec.Raw(msgspec.json.encode(now))
        return masked

    def words(self, node: Any, name: str = "", part: str = "") -> Any:
        """Anything JSON, with placeholders in its words, names and numbers: a number that is masked becomes a text.

        `name` is what it is called where it stands, `part` the type of the part of a message that it belongs to.
        """
        if isinstance(node, str):
            if _BYTES.fullmatch(node) or ((part, name) in AS_THEY_ARE and _NO_WORDS.fullmatch(node)):
                return node
            return self._arguments(node) if name == "arguments" else self.text(node)
        if isinstance(node, Mapping):
            members = cast("Mapping[str, Any]", node)
            kind = str(members.get("type", part if part == name else ""))
            return {self.text(each): self.words(value, each, kind) for each, value in members.items()}
        if isinstance(node, list):
            return [self.words(each, name) for each in cast("list[Any]", node)]
        return self._number(node)

    def restore(self, text: str) -> str:
        """A text with values again. What only looks like a placeholder stays."""
        return self._shape.sub(lambda match: self._values.get(match[0], match[0]), text)

    def restore_json(self, document: bytes) -> bytes:
        """The same for JSON."""
        return self._shape_bytes.sub(
            lambda match: self._values.get(match[0].decode(), match[0].decode()).encode(), document
        )

    def begun(self, text: str) -> int:
        """How many characters at the end may be the beginning of a placeholder."""
        tail = text[text.rfind("[") :] if "[" in text else ""
        if not tail:
            return 0
        if len(self._sorted) != len(self._values):
            self._sorted = sorted(self._values)
        place = bisect_left(self._sorted, tail)
        next_one = self._sorted[place] if place < len(self._sorted) else ""
        return len(tail) if next_one.startswith(tail) and next_one != tail else 0

    def _mark(self, kind: str, value: str) -> str:
        mark = self._marks.get((kind, value))
        if mark is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            mark = self._marks[kind, value] = f"[{kind}{self._odd}_{self._counts[kind]}]"
            self._values[mark] = value
        return mark

    def _arguments(self, written: str) -> str:
        """The arguments of a call: JSON in a string, in which a number may be somebody's too."""
        try:
            was = msgspec.json.decode(written)
        except (msgspec.DecodeError, RecursionError):
            return self.text(written)
        now = self._within(was)
        return written if now == was else msgspec.json.encode(now).decode()

    def _within(self, node: Any) -> Any:
        """What stands in arguments: no part of it is left as it is."""
        if isinstance(node, str):
            return self.text(node)
        if isinstance(node, dict):
            members = cast("dict[str, Any]", node)
            return {self.text(each): self._within(value) for each, value in members.items()}
        if isinstance(node, list):
            return [self._within(each) for each in cast("list[Any]", node)]
        return self._number(node)

    def _number(self, node: Any) -> Any:
        if not isinstance(node, int) or isinstance(node, bool):
            return node
        masked = self.text(written := str(node))
        return node if masked == written else masked


async def masked(
    messages: Sequence[Mapping[str, Any]], extra: Mapping[str, msgspec.Raw]
) -> tuple[Mask, list[Mapping[str, Any]], dict[str, msgspec.Raw]]:
    """What a request says and its other members, with placeholders, and the mask that knows them. Raises Malformed and TooLongToMask."""
    with readable():
        members = {name: msgspec.json.decode(raw) for name, raw in extra.items()}
        said = msgspec.json.encode([messages, members]).decode()  # escapes nothing that a placeholder has

    def masking() -> tuple[Mask, list[Mapping[str, Any]], dict[str, msgspec.Raw]]:
        with readable():
            mask = Mask(said)
            return mask, mask.words(list(messages)), mask.members(extra)

    return await asyncio.to_thread(masking) if len(said) > MUCH else masking()
