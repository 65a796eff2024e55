"""The verbs of the room. A file is read before the transaction opens (`extract`) and kept inside it (`store`)."""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from uuid import UUID

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Conflict
from callmissed.knowledge import repository
from callmissed.knowledge.extraction import Document, decode, from_markdown, read
from callmissed.knowledge.language import configuration_of, language_of
from callmissed.knowledge.models import MAX_TITLE, KnowledgePassage, KnowledgeSource
from callmissed.knowledge.passages import Draft, passages
from callmissed.knowledge.problems import (
    DocumentTooLarge,
    EmptyDocument,
    SourceNotFound,
    TooComplex,
    Unreadable,
)

MAX_PASTED = 200_000
MAX_PASSAGES = 10_000
TOO_LONG = "This text is longer than 200,000 characters. Add it as a file, or in parts."


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document that was read and cut into passages, and waits to be stored."""

    title: str
    kind: str
    language: str
    characters: int
    drafts: tuple[Draft, ...]
    checksum: bytes


async def extract(content: bytes, filename: str = "", title: str = "") -> Extracted:
    """Read a file (text, Markdown, PDF or DOCX, at most 20 MB). Call it outside of any transaction: it may take seconds.

    Raises a subclass of `Unreadable`.
    """
    title = _title(title or PurePath(filename.replace("\\", "/")).stem)
    document = await read(content, filename)
    # In a thread: cutting a long book takes a second or two, which nobody else should wait for.
    return await asyncio.to_thread(_cut, document, title, _checksum(title, content))


def extract_text(title: str, text: str) -> Extracted:
    """Read pasted text, in which Markdown's headings, lists and tables count. Raises a subclass of `Unreadable`.

    At most 200,000 characters: longer texts are files.
    """
    if len(text) > MAX_PASTED:
        raise DocumentTooLarge(TOO_LONG, characters=len(text), limit=MAX_PASTED)
    content = text.encode("utf-8", "replace")
    document = Document("text", from_markdown(decode(content)) if content.strip() else ())
    if not document.characters:
        raise EmptyDocument
    return _cut(document, _title(title), _checksum(_title(title), content))


def _cut(document: Document, title: str, checksum: bytes) -> Extracted:
    title = title or _first_line(document)
    drafts = tuple(passages(document.blocks, title))
    if len(drafts) > MAX_PASSAGES:
        raise TooComplex
    language = language_of("\n".join(draft.text for draft in drafts[:20]))
    return Extracted(title, document.kind, language, document.characters, drafts, checksum)


async def store(tx: Tx, extracted: Extracted) -> KnowledgeSource:
    """Keep a document as a source with its passages. The same document under the same title is kept once."""
    known = await repository.by_checksum(tx, extracted.checksum)
    if known is not None and known.state == "failed":
        await repository.remove(tx, known.id)
        known = None
    if known is not None:
        return known
    source = await repository.insert_source(
        tx, title=extracted.title, kind=extracted.kind, language=extracted.language, state="ready", problem=None,
        characters=extracted.characters, passages=len(extracted.drafts), checksum=extracted.checksum,
        created_by=tx.access.actor.id if tx.access else None,
    )  # fmt: skip
    if source is None:
        return await _added_meanwhile(tx, extracted.checksum)
    available = await repository.configurations(tx)
    chosen = ((draft, configuration_of(draft.language, available)) for draft in extracted.drafts)
    await repository.insert_passages(tx, source, chosen)
    body = {"kind": source.kind, "passages": source.passages}
    await audit.record(tx, "knowledge:source:added", target=source.id, body=body)
    return source


async def store_failure(tx: Tx, filename: str, content: bytes, problem: Unreadable) -> KnowledgeSource:
    """Keep the fact that a file could not be read, so that the list of sources shows it and says why."""
    title = _title(PurePath(filename.replace("\\", "/")).stem)
    checksum = _checksum(title, content)
    known = await repository.by_checksum(tx, checksum)
    if known is not None:
        return known
    source = await repository.insert_source(
        tx, title=title or "?", kind="unknown", language="und", state="failed", problem=problem.code,
        characters=0, passages=0, checksum=checksum, created_by=tx.access.actor.id if tx.access else None,
    )  # fmt: skip
    if source is None:
        return await _added_meanwhile(tx, checksum)
    await audit.record(tx, "knowledge:source:failed", target=source.id, body={"problem": problem.code})
    return source


async def _added_meanwhile(tx: Tx, checksum: bytes) -> KnowledgeSource:
    """The source that another transaction added while this one was about to. Raises Conflict if it is gone again."""
    known = await repository.by_checksum(tx, checksum)
    if known is None:
        raise Conflict
    return known


async def add_text(tx: Tx, title: str, text: str) -> KnowledgeSource:
    """Keep pasted text as a source. Raises a subclass of `Unreadable`."""
    return await store(tx, extract_text(title, text))


async def list_sources(tx: Tx) -> list[KnowledgeSource]:
    """All sources of the tenant, oldest first."""
    return await repository.all_sources(tx)


async def source(tx: Tx, source_id: UUID) -> KnowledgeSource:
    """One source. Raises SourceNotFound, for other tenants' ids too."""
    found = await repository.by_id(tx, source_id)
    if found is None:
        raise SourceNotFound
    return found


async def passages_of(tx: Tx, source_id: UUID) -> list[KnowledgePassage]:
    """The passages a source was cut into, in its own order. Raises SourceNotFound."""
    return await repository.passages_of(tx, (await source(tx, source_id)).id)


async def remove_source(tx: Tx, source_id: UUID) -> None:
    """Take a source and its passages out of the tenant's knowledge. Raises SourceNotFound."""
    found = await source(tx, source_id)
    await repository.remove(tx, found.id)
    await audit.record(tx, "knowledge:source:removed", target=source_id, body={"kind": found.kind})


def _title(text: str) -> str:
    return " ".join("".join(sign for sign in text if sign.isprintable() or sign.isspace()).split())[
        :MAX_TITLE
    ]


def _first_line(document: Document) -> str:
    text = next((block.text for block in document.blocks if block.text), "")
    return _title(text.split("\n")[0])[:80] or document.kind


def _checksum(title: str, content: bytes) -> bytes:
    return hashlib.sha256(title.encode() + b"\0" + content).digest()
