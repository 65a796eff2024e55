"""Counting tokens where a supplier does not, and for `local/extractive`. Records say who counted.

Our rule: every word, as divided by white space, counts one token for each four characters begun (Unicode code points). It is
close to what common tokenizers make of English and Hindi, needs no vocabulary, and anyone can check it by hand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

LETTERS = 4
PER_MESSAGE = 3
"""Tokens that the frame of one message counts."""
SLACK_PER_MESSAGE = 16
PICTURE = 50_000
"""More than any model here makes of one picture (gpt-4o-mini: 2,833 and 5,667 for each of at most 8 tiles)."""
EVERYTHING = 10**9
"""More than any model reads."""
WORDS = frozenset({"text", "refusal", "input_text", "output_text"})
PICTURES = frozenset({"image_url", "input_image", "image"})


def count(text: str) -> int:
    """Tokens of a text."""
    return sum((len(word) + LETTERS - 1) // LETTERS for word in text.split())


def count_messages(messages: Iterable[Mapping[str, Any]]) -> int:
    """Tokens of a conversation."""
    return sum(PER_MESSAGE + count(text_of(each)) + _called(each) for each in messages)


def _called(message: Mapping[str, Any]) -> int:
    """Tokens of the calls of tools in it."""
    calls = message.get("tool_calls")
    return -(-len(msgspec.json.encode(calls)) // LETTERS) if calls else 0


def most_tokens(messages: Sequence[Mapping[str, Any]], other_bytes: int = 0) -> int:
    """More tokens than any tokenizer over bytes can make of a request: what has to be reserved for reading it.

    All of a message counts, as JSON: calls of tools and members we do not know are read as well. A picture counts PICTURE, wherever
    its bytes are, and other media EVERYTHING: their length says nothing.
    """
    size = len(msgspec.json.encode(messages)) + other_bytes + SLACK_PER_MESSAGE * len(messages)
    for part in _media(messages):
        size += (PICTURE if part.get("type") in PICTURES else EVERYTHING) - len(msgspec.json.encode(part))
    return size


def _media(messages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The parts that are not words."""
    return (part for message in messages for part in _parts(message) if part.get("type") not in WORDS)


def _parts(message: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The parts of what a message says, where it is in parts. Readers have seen that they are objects."""
    content: Any = message.get("content")
    return cast("list[Mapping[str, Any]]", content) if isinstance(content, list) else ()


def text_of(message: Mapping[str, Any]) -> str:
    """The readable text of a message, whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in _parts(message))
    return "\n".join(text for text in texts if isinstance(text, str))
