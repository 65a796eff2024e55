"""The tables of the room: sources, and the passages they were cut into."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Integer, LargeBinary, String, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import Category, Keep, TenantTable, Whose, column, nothing, pseudonym

MAX_TITLE = 200


class KnowledgeSource(TenantTable):
    """One document that a tenant published to its bots: a pasted text or an uploaded file."""

    __tablename__ = "knowledge_source"
    __keep__ = Keep(until="tenant_erased", promise="keep.active")
    __table_args__ = (UniqueConstraint("tenant_id", "checksum"),)

    title: Mapped[str] = column(
        nothing("title given by the tenant", Category.BUSINESS_CONTENT), String(MAX_TITLE)
    )
    kind: Mapped[str] = column(nothing("text, markdown, pdf or docx"), String(10))
    language: Mapped[str] = column(nothing("main language of the document, BCP 47"), String(12))
    state: Mapped[str] = column(nothing("ready or failed"), String(8))
    problem: Mapped[str | None] = column(nothing("code of the problem that made it fail"), String(40))
    characters: Mapped[int] = column(nothing("how much text it has"), Integer)
    passages: Mapped[int] = column(nothing("how many passages it was cut into"), Integer)
    checksum: Mapped[bytes] = column(
        nothing("SHA-256 of title and content, to notice a repetition"), LargeBinary
    )
    created_by: Mapped[UUID | None] = column(pseudonym(Whose.USER, "the user or key that added it"), Uuid)


class KnowledgePassage(TenantTable):
    """A piece of a source that can be found and cited: 60 to 120 words under one heading."""

    __tablename__ = "knowledge_passage"
    __keep__ = Keep(until="its source is removed", promise="keep.active")
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "source_id"],
            ["knowledge_source.tenant_id", "knowledge_source.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("tenant_id", "source_id", "ordinal"),
    )

    source_id: Mapped[UUID] = column(nothing("the source it was cut from"), Uuid)
    ordinal: Mapped[int] = column(nothing("its place in the source, from 1"), Integer)
    heading: Mapped[str] = column(nothing("headings above it", Category.BUSINESS_CONTENT), Text)
    locator: Mapped[str] = column(nothing("page or heading to look it up", Category.BUSINESS_CONTENT), Text)
    text: Mapped[str] = column(nothing("the published text itself", Category.BUSINESS_CONTENT), Text)
    language: Mapped[str] = column(nothing("language of the passage, BCP 47"), String(12))
    # A name, not regconfig: that type stores an oid, which pg_upgrade refuses to carry over.
    search_config: Mapped[str] = column(
        nothing("text search configuration its words were made with"), String(20)
    )
    tsv: Mapped[Any] = column(nothing("search words of the passage", Category.BUSINESS_CONTENT), TSVECTOR)
