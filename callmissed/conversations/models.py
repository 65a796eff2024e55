"""Tables of the room: conversations and what was said in them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from callmissed.contacts import barred
from callmissed.foundation import clock
from callmissed.foundation.datamap import (
    Category,
    Keep,
    Sealed,
    TenantTable,
    Whose,
    column,
    metadata_of,
    nothing,
    personal,
    pseudonym,
)

KEPT = Keep(until="the tenant erases the contact, or itself", promise="keep.active")


class Conversation(TenantTable):
    """One thread with a contact on one channel, and who has it now: the bot, nobody yet, or a teammate."""

    __tablename__ = "conversation"
    __keep__ = KEPT
    __sql__ = (barred("conversation"),)
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "contact_id"], ["contact.tenant_id", "contact.id"]),
        Index("ix_conversation_state", "tenant_id", "state", "last_message_at"),
        Index("ix_conversation_contact", "tenant_id", "contact_id"),
    )

    contact_id: Mapped[UUID] = column(pseudonym(Whose.CONTACT, "who it is with"))
    channel: Mapped[str] = column(nothing("webchat, whatsapp, phone, …"), String(16))
    bot_id: Mapped[UUID] = column(nothing("the bot that answers"))
    state: Mapped[str] = column(nothing("with_bot, waiting, with_teammate or resolved"), String(16))
    waiting_reason: Mapped[str | None] = column(
        nothing("why a teammate is needed"), String(32), nullable=True
    )
    waiting_since: Mapped[datetime | None] = column(nothing("since when"), nullable=True)
    assigned_user_id: Mapped[UUID | None] = column(
        pseudonym(Whose.USER, "the teammate who has it"), nullable=True
    )
    last_message_at: Mapped[datetime] = column(
        metadata_of(Whose.CONTACT, "when something was last said", ("service",)), default=clock.now
    )
    last_ordinal: Mapped[int] = column(nothing("place of the last message"), Integer, default=0)
    unread: Mapped[int] = column(nothing("messages of the contact no teammate has seen"), Integer, default=0)


class Message(TenantTable):
    """One thing said in a conversation, or one thing that happened in it (then `event` says what, and nobody said it)."""

    __tablename__ = "message"
    __keep__ = KEPT
    __sql__ = (barred("message"),)
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "conversation_id"], ["conversation.tenant_id", "conversation.id"]),
        UniqueConstraint("tenant_id", "conversation_id", "ordinal"),
        UniqueConstraint("tenant_id", "conversation_id", "client_ref"),
        Index("ix_message_contact", "tenant_id", "contact_id"),
    )

    conversation_id: Mapped[UUID] = column(nothing("the conversation it belongs to"))
    contact_id: Mapped[UUID] = column(pseudonym(Whose.CONTACT, "whose conversation it is"))
    ordinal: Mapped[int] = column(nothing("place in the conversation, from 1"), Integer)
    author: Mapped[str] = column(nothing("contact, bot, teammate or system"), String(16))
    author_id: Mapped[UUID | None] = column(pseudonym(Whose.USER, "which bot or teammate"), nullable=True)
    client_ref: Mapped[str | None] = column(
        nothing("what the sender calls it, so that sending twice is saying once"), String(64), nullable=True
    )
    event: Mapped[str | None] = column(
        nothing("what happened, for system messages"), String(32), nullable=True
    )
    reason: Mapped[str | None] = column(nothing("why it happened"), String(32), nullable=True)
    body: Mapped[bytes | None] = column(
        personal(Category.CONTENT, Whose.CONTACT, "what was said", person="contact_id"),
        Sealed(),
        nullable=True,
    )
    language: Mapped[str | None] = column(nothing("language of the text, BCP 47"), String(16), nullable=True)
    citations: Mapped[list[dict[str, Any]]] = column(
        nothing("the tenant's own sources an answer rests on", Category.BUSINESS_CONTENT), JSONB, default=list
    )
    price_micro: Mapped[int] = column(nothing("price, micro-rupees", Category.MONEY), BigInteger, default=0)
    usage_ref: Mapped[UUID | None] = column(nothing("the usage record of the answer"), nullable=True)
