"""Signs that an account may belong to a child, and what was done about each (Policy §9)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import ControlTable, Keep, Whose, column, nothing, pseudonym


class ChildSignal(ControlTable):
    """A sign that the holder of an account may be younger than 18. The account is locked until somebody has looked."""

    __tablename__ = "child_signal"
    __keep__ = Keep(days=400, anchor="created_at", promise="children.none")
    __table_args__ = (
        CheckConstraint("outcome IN ('erased', 'adult')", name="outcome"),
        Index("ix_child_signal_user_id", "user_id"),
    )

    user_id: Mapped[UUID] = column(pseudonym(Whose.USER, "whose account"))
    due_at: Mapped[datetime] = column(nothing("by when it is settled"))
    settled_at: Mapped[datetime | None] = column(nothing("when it was settled"))
    outcome: Mapped[str | None] = column(nothing("erased, or adult"), String(8))
