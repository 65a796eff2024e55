"""The tables of the room: what is kept of answers, and of what was asked, because whoever asked wants it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, UniqueConstraint
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

LONGEST_LOG_DAYS = 30


class AnsweredOnce(TenantTable):
    """That a key asked something under an Idempotency-Key, and the sealed answer. Only callers who send that header leave one."""

    __tablename__ = "answered_once"
    __keep__ = Keep(days=1, anchor="created_at", promise="keep.active")
    __table_args__ = (UniqueConstraint("tenant_id", "key_id", "key_hash"),)

    key_id: Mapped[UUID] = column(nothing("the key that asked"))
    key_hash: Mapped[bytes] = column(
        nothing("keyed hash of the Idempotency-Key", Category.SECRET_HASH), LargeBinary
    )
    request_hash: Mapped[bytes] = column(
        nothing("keyed hash of address and body", Category.SECRET_HASH), LargeBinary
    )
    usage_id: Mapped[UUID] = column(nothing("the usage record of its one charge"))
    answer: Mapped[bytes | None] = column(
        personal(Category.CONTENT, Whose.CONTACT, "headers and body of the answer", person="key_id"),
        Sealed(),
    )


class PromptLog(TenantTable):
    """What a request of a key asked and was answered, sealed. Only keys that are switched to it leave one. `id` is the usage record's.

    A row lives 30 days from `counts_from`, which lies so far back that it goes after as many days as its key asks for.
    """

    __tablename__ = "prompt_log"
    __keep__ = Keep(days=LONGEST_LOG_DAYS, anchor="counts_from", promise="keep.active")

    key_id: Mapped[UUID] = column(nothing("the key that asked"))
    counts_from: Mapped[datetime] = column(nothing("from when its 30 days count"))
    content: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "what was asked and answered", person="key_id"), Sealed()
    )


class KeptAnswer(TenantTable):
    """A whole answer of a key that is switched to the cache, sealed: the same request of its workspace gets it again for an hour."""

    __tablename__ = "kept_answer"
    __keep__ = Keep(days=1, anchor="created_at", promise="keep.active")
    __table_args__ = (UniqueConstraint("tenant_id", "request_hash"),)

    key_id: Mapped[UUID] = column(nothing("the key that asked"))
    request_hash: Mapped[bytes] = column(
        nothing("keyed hash of address and body", Category.SECRET_HASH), LargeBinary
    )
    answer: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "headers and body of the answer", person="key_id"), Sealed()
    )
