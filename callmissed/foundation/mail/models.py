"""The table of the letters that leave, or stay on the outbox page."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import (
    Category,
    ControlTable,
    Keep,
    Sealed,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)


class MailMessage(ControlTable):
    """A letter to one person: queued, then sent, kept in the outbox, or failed."""

    __tablename__ = "mail_message"
    __keep__ = Keep(days=30, anchor="created_at", promise="keep.active")
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'sent', 'outbox', 'failed')", name="state"),
        Index("ix_mail_message_created_at", "created_at"),
        Index("ix_mail_message_person_id", "person_id"),
    )

    person_id: Mapped[UUID] = column(pseudonym(Whose.USER, "whom the letter is for, and whose key seals it"))
    template: Mapped[str] = column(nothing("which letter it is"), String(80))
    language: Mapped[str] = column(
        metadata_of(Whose.USER, "the language it is written in", ("service",)), String(16)
    )
    recipient: Mapped[bytes] = column(
        personal(Category.CONTACT_POINT, Whose.USER, "the e-mail address it goes to", person="person_id"),
        Sealed(),
    )
    body: Mapped[bytes | None] = column(
        personal(Category.CONTENT, Whose.USER, "subject and text; dropped once sent", person="person_id"),
        Sealed(),
    )
    state: Mapped[str] = column(nothing("queued, sent, outbox or failed"), String(8), default="queued")
    attempts: Mapped[int] = column(nothing("how often sending was tried"), Integer, default=0)
    failure: Mapped[str | None] = column(
        nothing("why the last attempt failed, without the address"), String(80)
    )
    send_before: Mapped[datetime | None] = column(nothing("after this time the letter is of no use"))
    settled_at: Mapped[datetime | None] = column(nothing("when it was sent, kept or given up"))
