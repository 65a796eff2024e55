"""What was done under an Idempotency-Key, so that asking twice does it once."""

from uuid import UUID

from sqlalchemy import Integer, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    Keep,
    TenantTable,
    Whose,
    column,
    nothing,
    pseudonym,
)


class PerformedOnce(TenantTable):
    """That a caller had something done under a key of their choice: hashes, a status, and the id of what came of it."""

    __tablename__ = "performed_once"
    __keep__ = Keep(days=1, anchor="created_at", promise="keep.active")
    __table_args__ = (UniqueConstraint("tenant_id", "caller_id", "key_hash"),)

    caller_id: Mapped[UUID] = column(pseudonym(Whose.USER, "the key or the user that asked"))
    key_hash: Mapped[bytes] = column(
        nothing("keyed hash of the Idempotency-Key", Category.SECRET_HASH), LargeBinary
    )
    request_hash: Mapped[bytes] = column(
        nothing("keyed hash of method, address and body", Category.SECRET_HASH), LargeBinary
    )
    status: Mapped[int] = column(nothing("the status it was answered with"), Integer)
    target_id: Mapped[UUID | None] = column(nothing("the row that came of it"))
