"""The table of the room: answers that are kept for as long as their caller may ask for them again."""

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
