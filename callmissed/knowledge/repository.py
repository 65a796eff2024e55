"""All SQL about sources and passages. Each statement names the tenant, under row security that would hide others' anyway."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.knowledge.models import KnowledgePassage, KnowledgeSource
from callmissed.knowledge.passages import Draft
from callmissed.knowledge.words import fold

INSERT_PASSAGE = text("""
INSERT INTO knowledge_passage
  (tenant_id, id, source_id, ordinal, heading, locator, text, language, search_config, tsv, created_at)
VALUES (:tenant, :id, :source, :ordinal, :heading, :locator, :text, :language, CAST(:config AS text),
  setweight(to_tsvector(CAST(CAST(:config AS text) AS regconfig), :folded_heading), 'A')
  || setweight(to_tsvector(CAST(CAST(:config AS text) AS regconfig), :folded_text), 'B'), now())
""")

CONFIGURATIONS = text("SELECT cfgname FROM pg_ts_config")


async def configurations(tx: Tx) -> frozenset[str]:
    """The text search configurations this server has."""
    return frozenset((await tx.session.execute(CONFIGURATIONS)).scalars())


async def by_id(tx: Tx, source_id: UUID) -> KnowledgeSource | None:
    """One source of this tenant."""
    return await tx.session.get(KnowledgeSource, (tx.tenant_id, source_id))


async def by_checksum(tx: Tx, checksum: bytes) -> KnowledgeSource | None:
    """The source of this tenant with exactly this title and content."""
    query = select(KnowledgeSource).where(
        KnowledgeSource.tenant_id == tx.tenant_id, KnowledgeSource.checksum == checksum
    )
    return (await tx.session.execute(query)).scalar_one_or_none()


async def all_sources(tx: Tx) -> list[KnowledgeSource]:
    """All sources of this tenant, oldest first (ids sort by time)."""
    query = (
        select(KnowledgeSource).where(KnowledgeSource.tenant_id == tx.tenant_id).order_by(KnowledgeSource.id)
    )
    return list((await tx.session.execute(query)).scalars())


async def passages_of(tx: Tx, source_id: UUID) -> list[KnowledgePassage]:
    """The passages of a source, in its own order."""
    query = (
        select(KnowledgePassage)
        .where(KnowledgePassage.tenant_id == tx.tenant_id, KnowledgePassage.source_id == source_id)
        .order_by(KnowledgePassage.ordinal)
    )
    return list((await tx.session.execute(query)).scalars())


async def insert_source(tx: Tx, **values: Any) -> KnowledgeSource | None:
    """Add a source; None when the same one was added by another transaction in the meantime."""
    query = (
        insert(KnowledgeSource)
        .values(tenant_id=tx.tenant_id, **values)
        .on_conflict_do_nothing(index_elements=["tenant_id", "checksum"])
        .returning(KnowledgeSource)
    )
    return (await tx.session.execute(query)).scalar_one_or_none()


async def insert_passages(tx: Tx, source: KnowledgeSource, drafts: Iterable[tuple[Draft, str]]) -> None:
    """Add the passages of a source, each with the configuration its search words are made with."""
    rows = [
        {
            "tenant": tx.tenant_id, "id": uuid7(), "source": source.id, "ordinal": draft.ordinal,
            "heading": draft.heading, "locator": draft.locator, "text": draft.text, "language": draft.language,
            "config": config, "folded_heading": fold(f"{source.title} {draft.heading}"), "folded_text": fold(draft.text),
        }
        for draft, config in drafts
    ]  # fmt: skip
    if rows:
        await tx.session.execute(INSERT_PASSAGE, rows)


async def remove(tx: Tx, source_id: UUID) -> None:
    """Take a source and its passages out."""
    await tx.session.execute(
        delete(KnowledgeSource).where(
            KnowledgeSource.tenant_id == tx.tenant_id, KnowledgeSource.id == source_id
        )
    )
