"""Tables of files and batches. A file is its parts, each of whole lines; what anybody wrote is sealed under the uploading key's own key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    Keep,
    Sealed,
    TenantTable,
    Whose,
    column,
    nothing,
    personal,
)

KEPT_DAYS = 30
KEEP = Keep(days=KEPT_DAYS, anchor="created_at", promise="keep.active")
RETENTION_CLASS = "batch"


class StoredFile(TenantTable):
    """A file that a key uploaded for a batch, or that a batch left."""

    __tablename__ = "stored_file"
    __keep__ = KEEP

    key_id: Mapped[UUID] = column(nothing("the key that uploaded it, or asked for the batch that left it"))
    purpose: Mapped[str] = column(nothing("batch or batch_output"), String(20))
    size: Mapped[int] = column(nothing("bytes of its content"), BigInteger)
    name: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "what its uploader calls it", person="key_id"), Sealed()
    )


class FilePart(TenantTable):
    """A piece of a file: whole lines, so that each can be read by itself."""

    __tablename__ = "stored_file_part"
    __keep__ = KEEP
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "file_id"], ["stored_file.tenant_id", "stored_file.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "file_id", "number"),
    )

    file_id: Mapped[UUID] = column(nothing("the file"))
    number: Mapped[int] = column(nothing("its place in the file, from 0"), Integer)
    key_id: Mapped[UUID] = column(nothing("whose key seals it"))
    content: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "questions or answers, as they were sent", person="key_id"),
        Sealed(),
    )


class Batch(TenantTable):
    """Many requests of one key, asked one after another within a day. `turn` counts whose turn it is to ask: see `running`."""

    __tablename__ = "batch"
    __keep__ = KEEP

    key_id: Mapped[UUID] = column(nothing("the key that made it, and that pays"))
    input_file_id: Mapped[UUID] = column(nothing("the file with its requests"))
    output_file_id: Mapped[UUID | None] = column(nothing("the file with its answers"))
    error_file_id: Mapped[UUID | None] = column(nothing("the file with what was not answered, and why"))
    endpoint: Mapped[str] = column(nothing("the address that every request goes to"), String(40))
    state: Mapped[str] = column(nothing("how far it is, as OpenAI's clients know it"), String(12))
    total: Mapped[int] = column(nothing("how many requests it has"), Integer, default=0)
    completed: Mapped[int] = column(nothing("how many are answered"), Integer, default=0)
    failed: Mapped[int] = column(nothing("how many failed"), Integer, default=0)
    answer_bytes: Mapped[int] = column(
        nothing("bytes of its sealed answers that are in no file yet"), BigInteger, default=0
    )
    deliveries: Mapped[int] = column(nothing("how often its files were begun"), SmallInteger, default=0)
    faults: Mapped[list[list[object]]] = column(
        nothing("what was wrong with its file: line, code and member of each fault"), JSONB, default=list
    )
    once_hash: Mapped[bytes | None] = column(
        nothing("keyed hash of the Idempotency-Key it was asked for with", Category.SECRET_HASH), LargeBinary
    )
    labels: Mapped[bytes | None] = column(
        personal(Category.CONTENT, Whose.CONTACT, "its caller's own notes on it", person="key_id"), Sealed()
    )
    turn: Mapped[int] = column(nothing("counts who has worked on it"), Integer, default=0)
    seen_at: Mapped[datetime] = column(nothing("when it was last worked on"))
    begun_at: Mapped[datetime | None] = column(nothing("when its first request could be asked"))
    finalizing_at: Mapped[datetime | None] = column(nothing("when its files began to be written"))
    cancelling_at: Mapped[datetime | None] = column(nothing("when it was to stop"))
    ended_at: Mapped[datetime | None] = column(nothing("when it came to its end"))
    expires_at: Mapped[datetime] = column(nothing("when it stops, finished or not"))


class BatchLine(TenantTable):
    """One request of a batch that is not at its end. Where it stands in the input file; then its usage record and its answer."""

    __tablename__ = "batch_line"
    __keep__ = KEEP
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "batch_id"], ["batch.tenant_id", "batch.id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "batch_id", "number"),
        Index(None, "tenant_id", "batch_id", "state", "number"),
    )

    batch_id: Mapped[UUID] = column(nothing("the batch"))
    number: Mapped[int] = column(nothing("its line in the input file, from 1"), Integer)
    part: Mapped[int] = column(nothing("the part of the file that has it"), Integer)
    begins: Mapped[int] = column(nothing("its first byte in that part"), Integer)
    ends: Mapped[int] = column(nothing("the byte after its last"), Integer)
    state: Mapped[str] = column(nothing("waiting, asked, done or failed"), String(8), default="waiting")
    due_at: Mapped[datetime] = column(nothing("when it may be asked"))
    attempts: Mapped[int] = column(nothing("how often it was asked"), SmallInteger, default=0)
    usage_id: Mapped[UUID | None] = column(nothing("the usage record of its one charge"))
    status: Mapped[int | None] = column(nothing("HTTP status of its answer"), SmallInteger)
    problem: Mapped[str | None] = column(nothing("code of the problem that it failed with"), String(60))
    key_id: Mapped[UUID] = column(nothing("whose key seals its answer"))
    answer: Mapped[bytes | None] = column(
        personal(Category.CONTENT, Whose.CONTACT, "the body of its answer", person="key_id"), Sealed()
    )
