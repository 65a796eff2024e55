"""Choices whose words were to be JSON: which of them are not, and what the child makes of those."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

CHILD = Path(__file__).with_name("child.py")
WALL_SECONDS = 5.0
QUEUE_SECONDS = 3.0
"""How long an answer waits for its turn to be repaired: others that take long do not hold it up for longer."""
LARGEST = 1_000_000
"""Characters of all texts that are repaired in one answer, and bytes of the schema."""

_two_at_once = asyncio.Semaphore(2)


class _Schema(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw(b"null")


class Format(msgspec.Struct, frozen=True):
    """The shape of the answer, as `response_format` names it."""

    type: str = "text"
    json_schema: _Schema | None = None


@dataclass(frozen=True, slots=True)
class Mended:
    """The choices, and what became of those that were broken: None where none was."""

    choices: bytes
    outcome: Literal["repaired", "failed"] | None


_format = msgspec.json.Decoder(Format)
_read = msgspec.json.Decoder(list[dict[str, Any]])
_answer = msgspec.json.Decoder(list[str | None])


def format_of(extra: Mapping[str, msgspec.Raw]) -> Format | None:
    """The format that a request asks for, where that is JSON."""
    try:
        found = _format.decode(extra.get("response_format", b"{}"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.type in {"json_object", "json_schema"} else None


async def mended(choices: bytes, wanted: Format) -> Mended:
    """The choices with broken JSON repaired. Words that parse, and words that cannot be repaired, stay byte for byte."""
    every = _read.decode(choices)
    broken = [choice for choice in every if _is_broken(_words(choice))]
    if not broken:
        return Mended(choices, None)
    found = await _repaired([_words(each) for each in broken], wanted)
    usable = [text is not None and _parses(text) for text in found]
    for choice, text, is_usable in zip(broken, found, usable, strict=True):
        if is_usable:
            choice["message"]["content"] = text
    if not any(usable):
        return Mended(choices, "failed")
    try:
        return Mended(msgspec.json.encode(every), "repaired" if all(usable) else "failed")
    except OverflowError:  # a number beside them that is longer than we can write
        return Mended(choices, "failed")


def _words(choice: Mapping[str, Any]) -> str:
    """What a choice says in words."""
    message: Any = choice.get("message")
    content: Any = cast("dict[str, Any]", message).get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""


def _is_broken(words: str) -> bool:
    """Whether it says something that is no JSON. Who calls a tool or refuses says nothing here."""
    return bool(words.strip()) and not _parses(words)


def _parses(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


async def _repaired(texts: list[str], wanted: Format) -> list[str | None]:
    """What the child makes of them; None for each when it does not get there."""
    nothing: list[str | None] = [None] * len(texts)
    schema = wanted.json_schema.schema if wanted.json_schema else msgspec.Raw(b"null")
    if sum(map(len, texts)) > LARGEST or len(bytes(schema)) > LARGEST:
        return nothing
    question = msgspec.json.encode({"texts": texts, "schema": schema})
    try:
        async with asyncio.timeout(QUEUE_SECONDS):
            await _two_at_once.acquire()
    except TimeoutError:
        return nothing
    try:
        found = _answer.decode(await _in_child(question))
    except (OSError, TimeoutError, msgspec.DecodeError):
        return nothing
    finally:
        _two_at_once.release()
    return found if len(found) == len(texts) else nothing


async def _in_child(question: bytes) -> bytes:
    """What the child writes; nothing when a limit has ended it. Raises OSError and TimeoutError."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(CHILD),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"}, cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(child.communicate(question), WALL_SECONDS)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return output
