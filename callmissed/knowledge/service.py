"""The verbs of the room. A file is read before the transaction opens (`extract`) and kept inside it (`store`)."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from uuid import UUID

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.knowledge import repository
from callmissed.knowledge.extraction import MAX_BYTES, Document, decode, from_markdown, read
from callmissed.knowledge.language import configuration_of, language_of
from callmissed.knowledge.models import MAX_TITLE, KnowledgePassage, KnowledgeSource
from callmissed.knowledge.passages import passages
from callmissed.knowledge.problems import DocumentTooLarge, EmptyDocument, SourceNotFound, Unreadable


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document that was read and waits to be stored: its title, blocks, and the checksum of title and content."""

    title: str
    document: Document
    checksum: bytes


async def extract(content: bytes, filename: str = "", title: str = "") -> Extracted:
    """Read a file (text, Markdown, PDF or DOCX, at most 20 MB). Call it outside of any transaction: it may take seconds.

    Raises a subclass of `Unreadable`.
    """
    title = _title(title or PurePath(filename.replace("\\", "/")).stem)
    document = await read(content, filename)
    return Extracted(title or _first_line(document), document, _checksum(title, content))


def extract_text(title: str, text: str) -> Extracted:
    """Read pasted text, in which Markdown's headings, lists and tables count. Raises a subclass of `Unreadable`."""
    content = text.encode("utf-8", "replace")
    if len(content) > MAX_BYTES:
        raise DocumentTooLarge(bytes=len(content), limit=MAX_BYTES)
    document = Document("text", from_markdown(decode(content)) if content.strip() else ())
    if not document.characters:
        raise EmptyDocument
    return Extracted(_title(title) or _first_line(document), document, _checksum(_title(title), content))


async def store(tx: Tx, extracted: Extracted) -> KnowledgeSource:
    """Keep a document as a source with its passages. The same document under the same title is kept once."""
    known = await repository.by_checksum(tx, extracted.checksum)
    if known is not None and known.state == "ready":
        return known
    if known is not None:
        await repository.remove(tx, known.id)
        await tx.session.flush()
        tx.session.expunge(known)
    drafts = passages(extracted.document.blocks, extracted.title)
    available = await repository.configurations(tx)
    source = KnowledgeSource(
        tenant_id=tx.tenant_id, title=extracted.title, kind=extracted.document.kind,
        language=language_of("\n".join(draft.text for draft in drafts[:20])), state="ready", problem=None,
        characters=extracted.document.characters, passages=len(drafts), checksum=extracted.checksum,
        created_by=tx.access.actor.id if tx.access else None,
    )  # fmt: skip
    await repository.insert(tx, source)
    chosen = ((draft, configuration_of(draft.language, available)) for draft in drafts)
    await repository.insert_passages(tx, source, chosen)
    await audit.record(
        tx,
        "knowledge:source:added",
        target=source.id,
        body={"kind": source.kind, "passages": source.passages},
    )
    return source


async def store_failure(tx: Tx, filename: str, content: bytes, problem: Unreadable) -> KnowledgeSource:
    """Keep the fact that a file could not be read, so that the list of sources shows it and says why."""
    title = _title(PurePath(filename.replace("\\", "/")).stem)
    checksum = _checksum(title, content)
    known = await repository.by_checksum(tx, checksum)
    if known is not None:
        return known
    source = KnowledgeSource(
        tenant_id=tx.tenant_id, title=title or "?", kind="unknown", language="und", state="failed", problem=problem.code,
        characters=0, passages=0, checksum=checksum, created_by=tx.access.actor.id if tx.access else None,
    )  # fmt: skip
    await repository.insert(tx, source)
    await audit.record(tx, "knowledge:source:failed", target=source.id, body={"problem": problem.code})
    return source


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
