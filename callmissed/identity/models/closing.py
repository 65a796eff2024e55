"""Leaving: what was closed, until when it can be opened again, who was told when, and what was erased, store by store.

Legal clocks are rows: a lost job delays nothing, because the sweep of the next minute finds them.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import Category, ControlTable, Keep, Whose, column, nothing, pseudonym

PROOF = Keep(until="the installation ends", promise="keep.deleted-account")
"""Receipts and their dates hold no personal data, and are what shows that an erasure took place."""


class Closing(ControlTable):
    """That a workspace or an account was closed. For thirty days it can be opened again; then it is erased."""

    __tablename__ = "closing"
    __keep__ = PROOF
    __table_args__ = (
        CheckConstraint("kind IN ('tenant', 'account')", name="kind"),
        Index("ix_closing_subject_id", "subject_id"),
        Index("ix_closing_ends_at", "ends_at"),
    )

    kind: Mapped[str] = column(nothing("tenant or account"), String(8))
    subject_id: Mapped[UUID] = column(pseudonym(Whose.USER, "the workspace, or the account"))
    closed_by: Mapped[UUID | None] = column(
        pseudonym(Whose.USER, "who closed it; forgotten with the erasure")
    )
    closed_at: Mapped[datetime] = column(nothing("when it was closed"))
    ends_at: Mapped[datetime] = column(nothing("until when it can be opened again"))
    reopened_at: Mapped[datetime | None] = column(nothing("when it was opened again"))
    held_at: Mapped[datetime | None] = column(nothing("when a legal hold last kept it from being erased"))
    erasing_at: Mapped[datetime | None] = column(nothing("when its erasure began"))
    erased_at: Mapped[datetime | None] = column(nothing("when its erasure was complete"))


class ClosingNotice(ControlTable):
    """A letter that is due before something closed is erased."""

    __tablename__ = "closing_notice"
    __keep__ = PROOF
    __table_args__ = (UniqueConstraint("closing_id", "kind"), Index("ix_closing_notice_due_at", "due_at"))

    closing_id: Mapped[UUID] = column(nothing("what was closed"))
    kind: Mapped[str] = column(nothing("week or two_days: how long before the end"), String(8))
    due_at: Mapped[datetime] = column(nothing("when it is to be sent"))
    sent_at: Mapped[datetime | None] = column(nothing("when it was sent"))


class ErasureStep(ControlTable):
    """One store of an erasure: done or to do, what was removed, and the signed receipt."""

    __tablename__ = "erasure_step"
    __keep__ = PROOF
    __table_args__ = (UniqueConstraint("closing_id", "store"),)

    closing_id: Mapped[UUID] = column(nothing("the erasure"))
    position: Mapped[int] = column(nothing("its place in the order: keys first"), Integer)
    store: Mapped[str] = column(nothing("which table, queue or file"), String(80))
    removed: Mapped[int] = column(nothing("rows removed so far"), BigInteger, default=0)
    key_ids: Mapped[list[UUID] | None] = column(nothing("data keys that were destroyed"), ARRAY(Uuid))
    done_at: Mapped[datetime | None] = column(nothing("when nothing was left"))
    receipt: Mapped[str | None] = column(nothing("the signed receipt", Category.EVIDENCE), Text)
