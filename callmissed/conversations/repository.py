"""All SQL of the room. Every query names the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from callmissed.conversations.models import Conversation, Message
from callmissed.foundation.database import Tx


async def conversation(tx: Tx, conversation_id: UUID, *, lock: bool = False) -> Conversation | None:
    """One conversation of this tenant, or None. `lock` holds it until the transaction ends: one change after another."""
    query = select(Conversation).where(
        Conversation.tenant_id == tx.tenant_id, Conversation.id == conversation_id
    )
    if lock:
        # Populate: what another transaction wrote while we waited for the lock must be seen.
        query = query.with_for_update().execution_options(populate_existing=True)
    return await tx.session.scalar(query)


async def latest_of(tx: Tx, contact_id: UUID, bot_id: UUID) -> Conversation | None:
    """The contact's newest conversation with this bot."""
    query = (
        select(Conversation)
        .where(
            Conversation.tenant_id == tx.tenant_id,
            Conversation.contact_id == contact_id,
            Conversation.bot_id == bot_id,
        )
        .order_by(Conversation.id.desc())
        .limit(1)
    )
    return await tx.session.scalar(query)


async def in_states(tx: Tx, states: Sequence[str], limit: int) -> Sequence[Conversation]:
    """Conversations in these states, the most recent first."""
    query = (
        select(Conversation)
        .where(Conversation.tenant_id == tx.tenant_id, Conversation.state.in_(states))
        .order_by(Conversation.last_message_at.desc(), Conversation.id.desc())
        .limit(limit)
    )
    return (await tx.session.scalars(query)).all()


async def newest(tx: Tx, states: Sequence[str], before: UUID | None, limit: int) -> Sequence[Conversation]:
    """Conversations in these states, the newest begun first; `before` is the id of the last one already seen."""
    query = select(Conversation).where(Conversation.tenant_id == tx.tenant_id, Conversation.state.in_(states))
    if before is not None:
        query = query.where(Conversation.id < before)
    return (await tx.session.scalars(query.order_by(Conversation.id.desc()).limit(limit))).all()


async def held_by(tx: Tx, user_id: UUID) -> Sequence[Conversation]:
    """What this teammate holds, held by this transaction too."""
    query = select(Conversation).where(
        Conversation.tenant_id == tx.tenant_id, Conversation.assigned_user_id == user_id
    )
    return (await tx.session.scalars(query.with_for_update())).all()


async def of_contact(tx: Tx, contact_id: UUID) -> Sequence[Conversation]:
    """Every conversation with this contact, newest first."""
    query = (
        select(Conversation)
        .where(Conversation.tenant_id == tx.tenant_id, Conversation.contact_id == contact_id)
        .order_by(Conversation.id.desc())
    )
    return (await tx.session.scalars(query)).all()


async def count_by_state(tx: Tx) -> dict[str, int]:
    """How many conversations stand in each state."""
    query = (
        select(Conversation.state, func.count())
        .where(Conversation.tenant_id == tx.tenant_id)
        .group_by(Conversation.state)
    )
    return dict((await tx.session.execute(query)).all())


async def messages(tx: Tx, conversation_id: UUID, after: int = 0) -> Sequence[Message]:
    """What was said after this place, in order."""
    query = (
        select(Message)
        .where(
            Message.tenant_id == tx.tenant_id,
            Message.conversation_id == conversation_id,
            Message.ordinal > after,
        )
        .order_by(Message.ordinal)
    )
    return (await tx.session.scalars(query)).all()


async def message(tx: Tx, conversation_id: UUID, message_id: UUID) -> Message | None:
    """One message of this conversation, or None."""
    query = select(Message).where(
        Message.tenant_id == tx.tenant_id,
        Message.conversation_id == conversation_id,
        Message.id == message_id,
    )
    return await tx.session.scalar(query)


async def said_as(tx: Tx, conversation_id: UUID, client_ref: str) -> Message | None:
    """The message its sender called so, or None when it has not arrived yet."""
    query = select(Message).where(
        Message.tenant_id == tx.tenant_id,
        Message.conversation_id == conversation_id,
        Message.client_ref == client_ref,
    )
    return await tx.session.scalar(query)


async def last_said(tx: Tx, conversation_ids: Sequence[UUID]) -> Sequence[Message]:
    """The last thing anyone said in each of these conversations."""
    query = (
        select(Message)
        .where(
            Message.tenant_id == tx.tenant_id,
            Message.conversation_id.in_(conversation_ids),
            Message.event.is_(None),
        )
        .order_by(Message.conversation_id, Message.ordinal.desc())
        .ext(distinct_on(Message.conversation_id))
    )
    return (await tx.session.scalars(query)).all()


async def of_person(tx: Tx, contact_id: UUID) -> Sequence[Message]:
    """Everything said in this contact's conversations, in order."""
    query = (
        select(Message)
        .where(Message.tenant_id == tx.tenant_id, Message.contact_id == contact_id)
        .order_by(Message.conversation_id, Message.ordinal)
    )
    return (await tx.session.scalars(query)).all()


async def remove(tx: Tx, contact_id: UUID) -> int:
    """Remove a contact's conversations and messages; returns how many rows."""
    removed = 0
    for table in (Message, Conversation):
        query = delete(table).where(table.tenant_id == tx.tenant_id, table.contact_id == contact_id)
        gone = await tx.session.execute(query.returning(table.id))
        removed += len(gone.all())
    return removed
