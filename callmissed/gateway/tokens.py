"""Counting tokens where a supplier does not, and for `local/extractive`. Records say who counted.

Our rule: every word, as divided by white space, counts one token for each four characters begun (Unicode code points). It is
close to what common tokenizers make of English and Hindi, needs no vocabulary, and anyone can check it by hand.
"""

from collections.abc import Iterable, Mapping
from typing import Any

LETTERS = 4
PER_MESSAGE = 3
"""Tokens that the frame of one message counts."""
SLACK_PER_MESSAGE = 16


def count(text: str) -> int:
    """Tokens of a text."""
    return sum((len(word) + LETTERS - 1) // LETTERS for word in text.split())


def count_messages(messages: Iterable[Mapping[str, Any]]) -> int:
    """Tokens of a conversation."""
    return sum(PER_MESSAGE + count(text_of(message)) for message in messages)


def most_tokens(messages: Iterable[Mapping[str, Any]], other_bytes: int = 0) -> int:
    """More tokens than any tokenizer over bytes can make of a request: what has to be reserved for reading it."""
    texts = sum(SLACK_PER_MESSAGE + len(text_of(message).encode("utf-8", "replace")) for message in messages)
    return texts + other_bytes


def text_of(message: Mapping[str, Any]) -> str:
    """The readable text of a message, whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts: list[Any] = content  # pyright: ignore[reportUnknownVariableType] - JSON of the caller
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of the caller
    return "\n".join(texts)  # pyright: ignore[reportUnknownArgumentType] - checked above
