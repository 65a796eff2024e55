"""What is too long for a model is made to fit without asking any model: the middle of a conversation is left out.

The system's words, the last message of the user and whatever stands last are kept. What is left of the window is filled from both
ends of the rest, the newest first; the first message that does not fit is shortened in its own middle, the others are left out. A
call of tools and its results stay or go together. The same messages give the same outcome, and what fits is not touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from callmissed.gateway.problems import ContextTooLong
from callmissed.gateway.tokens import LETTERS, PER_MESSAGE, WORDS, count, text_of

Message = Mapping[str, Any]

MEDIUM = 2_000
"""Tokens that one picture or file of a message counts here."""
LEAST = 64
"""Tokens below which a message is left out rather than shortened."""
LEFT_OUT = "\n[…]\n"
LEADING = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Compressed:
    """The messages as they fit, with their tokens before and after, how many were left out, and whether one was shortened."""

    messages: Sequence[Message]
    before: int
    after: int
    dropped: int = 0
    shortened: bool = False

    @property
    def note(self) -> bytes:
        """As a header says it."""
        figures = {"before": self.before, "after": self.after, "dropped": self.dropped}
        return ", ".join(
            f"{name}={n}" for name, n in (*figures.items(), ("shortened", int(self.shortened)))
        ).encode()


@dataclass(slots=True)
class _Unit:
    """Messages that stay or go together: places `begins` to `ends` (exclusive)."""

    begins: int
    ends: int
    weight: int = 0
    kept: bool = False


def weigh(message: Message) -> int:
    """Tokens of a message: by our own count, but no fewer than a quarter of its bytes, because scripts of India need more."""
    text = text_of(message)
    calls = message.get("tool_calls")
    called = -(-len(msgspec.json.encode(calls)) // LETTERS) if calls else 0
    return PER_MESSAGE + _tokens(text) + called + MEDIUM * _media(message)


def compressed(messages: Sequence[Message], room: int) -> Compressed:
    """The messages within so many tokens. Raises ContextTooLong when what is kept in any case is longer."""
    weights = [weigh(each) for each in messages]
    before = sum(weights)
    if before <= room:
        return Compressed(messages, before, before)
    units = _units(messages, weights)
    middle = [unit for unit in units if not unit.kept]
    left = room - sum(unit.weight for unit in units if unit.kept)
    if left < 0:
        raise ContextTooLong(param="messages", context=room, before=before)
    newest, oldest, is_newest = len(middle) - 1, 0, True
    shorter: dict[int, Message] = {}
    while oldest <= newest:
        unit = middle[newest if is_newest else oldest]
        if unit.weight > left:
            shorter = _shortened(messages, unit, left)
            break
        unit.kept = True
        left -= unit.weight
        newest, oldest = (newest - 1, oldest) if is_newest else (newest, oldest + 1)
        is_newest = not is_newest
    places = [
        n for unit in units if unit.kept or unit.begins in shorter for n in range(unit.begins, unit.ends)
    ]
    kept = [shorter.get(n, messages[n]) for n in places]
    return Compressed(kept, before, sum(map(weigh, kept)), len(messages) - len(kept), bool(shorter))


def _units(messages: Sequence[Message], weights: Sequence[int]) -> list[_Unit]:
    """The messages in what stays or goes together. A result of a tool belongs to its call, and so does all that stands between."""
    units: list[_Unit] = []
    called: dict[str, int] = {}
    for n, message in enumerate(messages):
        call = called.get(str(message.get("tool_call_id"))) if message.get("role") == "tool" else None
        begins, weight = n, weights[n]
        while call is not None and begins > call:
            before = units.pop()
            begins, weight = before.begins, weight + before.weight
        units.append(_Unit(begins, n + 1, weight))
        called.update((each, n) for each in _calls(message))
    users = [n for n, message in enumerate(messages) if message.get("role") == "user"]
    always = {*users[-1:], len(messages) - 1}
    for unit in units:
        unit.kept = any(
            n in always or messages[n].get("role") in LEADING for n in range(unit.begins, unit.ends)
        )
    return units


def _calls(message: Message) -> list[str]:
    """The ids of the calls of tools in a message."""
    calls: Any = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    found = cast("list[Any]", calls)
    return [str(cast("Message", each).get("id")) for each in found if isinstance(each, Mapping)]


def _shortened(messages: Sequence[Message], unit: _Unit, room: int) -> dict[int, Message]:
    """A message of words alone with its middle left out, by its place; none where there is too little room, or more than words."""
    message = messages[unit.begins]
    text = message.get("content")
    if unit.ends - unit.begins > 1 or not isinstance(text, str) or message.get("tool_calls") or room < LEAST:
        return {}
    kept = min(room * LETTERS, len(text) - len(LEFT_OUT) - 1)
    while kept > LETTERS:
        half = kept // 2
        now = {**message, "content": text[:half] + LEFT_OUT + text[-half:]}
        if (weight := weigh(now)) <= room:
            return {unit.begins: now}
        kept = min(kept - LETTERS, kept * room // weight)
    return {}


def _tokens(text: str) -> int:
    return max(count(text), -(-len(text.encode("utf-8", "surrogatepass")) // LETTERS))


def _media(message: Message) -> int:
    content: Any = message.get("content")
    if not isinstance(content, list):
        return 0
    return sum(part.get("type") not in WORDS for part in cast("list[Message]", content))
