"""Files in a conversation, for models that read none themselves: their text is taken out here and put before the model as material.

A file comes along in its request (`data:…;base64,…`); no address is fetched. PDF and Word files are opened by the room of knowledge, in a
process with limits on time and memory.
"""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID
from weakref import WeakValueDictionary

from callmissed.foundation.tenancy import Access
from callmissed.gateway.material import with_material
from callmissed.gateway.problems import RequestInvalid, Unsupported
from callmissed.knowledge import extract

MOST_FILES: Final = 5
MOST_BYTES: Final = 20_000_000
"""Of all files of a request together, once they are no base64 any more."""
FILE = "file"

Message = Mapping[str, Any]

_turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
"""One file at a time is opened for a tenant: whoever sends many waits for himself."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """One file as it came along."""

    name: str
    content: bytes


async def with_files_read(
    access: Access, messages: Sequence[Message]
) -> tuple[Sequence[Message], Sequence[str]]:
    """The messages with the text of their files as material before the last words of the user, and the files' names.

    Raises RequestInvalid and Unsupported for what is no file, and the Problems of `extract` for one that cannot be read.
    """
    parts = list(_files(messages))
    if not parts:
        return messages, ()
    if len(parts) > MOST_FILES:
        raise RequestInvalid(f"At most {MOST_FILES} files can be read at once.", param="messages")
    files = await asyncio.to_thread(lambda: [_enclosed(each) for each in parts])
    if sum(len(each.content) for each in files) > MOST_BYTES:
        raise RequestInvalid("The files of a request are 20 MB together at most.", param="messages")
    async with _turns.setdefault(access.tenant_id, asyncio.Lock()):
        items = [(each.name, await _text(each), "") for each in files]
    told, _ = with_material([_without_files(each) for each in messages], items)
    return told, [each.name for each in files]


def _files(messages: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
    return (part for message in messages for part in _parts(message) if part.get("type") == FILE)


def _parts(message: Message) -> Sequence[Mapping[str, Any]]:
    content: Any = message.get("content")
    return cast("list[Mapping[str, Any]]", content) if isinstance(content, list) else ()


def _without_files(message: Message) -> Message:
    """The message as it was said beside its files."""
    parts = _parts(message)
    kept = [part for part in parts if part.get("type") != FILE]
    return message if len(kept) == len(parts) else {**message, "content": kept or ""}


def _enclosed(part: Mapping[str, Any]) -> Enclosed:
    """The file in a part. Raises RequestInvalid and Unsupported."""
    file: Any = part.get(FILE)
    if not isinstance(file, dict):
        raise RequestInvalid("A part of type file has a file.", param="messages")
    told = cast("dict[str, Any]", file)
    if told.get("file_id") is not None:
        raise Unsupported(param="file_id")
    name, data = told.get("filename") or "document", told.get("file_data")
    if not isinstance(name, str) or not isinstance(data, str):
        raise RequestInvalid("A file has a filename and file_data.", param="messages")
    _, mark, encoded = data.partition(";base64,")
    if not mark or not data.startswith("data:"):
        raise RequestInvalid(
            "A file comes along as data:…;base64,…; addresses are not fetched.", param="messages"
        )
    try:
        return Enclosed(name[:200], b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise RequestInvalid("A file is not base64.", param="messages") from None


async def _text(file: Enclosed) -> str:
    """Its words, with the headings and pages at which they stand."""
    read = await extract(file.content, file.name)
    told: list[str] = []
    place = ("", "")
    for each in read.drafts:
        if (here := (each.heading, each.locator)) != place:
            place = here
            told.append(" · ".join(part for part in here if part))
        told.append(each.text)
    return "\n\n".join(part for part in told if part)
