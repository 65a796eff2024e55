"""The table of pictures that are kept: only those of keys that are switched to it, and of the playground."""

from uuid import UUID

from sqlalchemy import Integer, String
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


class KeptPicture(TenantTable):
    """A picture that was made, and the words it was made from, sealed under a key of its own: erasing one destroys that key."""

    __tablename__ = "kept_picture"
    __keep__ = Keep(days=KEPT_DAYS, anchor="created_at", promise="keep.active")

    key_id: Mapped[UUID | None] = column(nothing("the key that asked for it; none for the playground"))
    usage_id: Mapped[UUID] = column(nothing("the usage record of the request that made it"))
    model: Mapped[str] = column(nothing("the model that made it"), String(200))
    content_type: Mapped[str] = column(nothing("what kind of picture it is"), String(20))
    size: Mapped[int] = column(nothing("bytes of the picture"), Integer)
    prompt: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "the words it was made from", person="id"), Sealed()
    )
    content: Mapped[bytes] = column(
        personal(Category.CONTENT, Whose.CONTACT, "the picture", person="id"), Sealed(), deferred=True
    )
