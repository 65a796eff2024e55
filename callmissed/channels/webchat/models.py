"""Tables of web chat."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped

from callmissed.contacts import barred
from callmissed.foundation.datamap import Category, Keep, TenantTable, Whose, column, nothing, pseudonym


class VisitorSession(TenantTable):
    """A visitor's token for one bot: only its keyed hash is kept."""

    __tablename__ = "visitor_session"
    __sql__ = (barred("visitor_session"),)
    __keep__ = Keep(days=1, anchor="expires_at", promise="keep.active")
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "contact_id"], ["contact.tenant_id", "contact.id"]),
        UniqueConstraint("tenant_id", "token_hash"),
        Index("ix_visitor_session_contact", "tenant_id", "contact_id"),
        Index("ix_visitor_session_expires", "tenant_id", "expires_at"),
    )

    contact_id: Mapped[UUID] = column(pseudonym(Whose.CONTACT, "the visitor"))
    bot_id: Mapped[UUID] = column(nothing("the bot they talk to"))
    token_hash: Mapped[bytes] = column(
        nothing("keyed hash of the visitor's token", Category.SECRET_HASH), LargeBinary
    )
    expires_at: Mapped[datetime] = column(nothing("when the token stops working"))
