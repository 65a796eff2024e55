"""The verbs of the room: each one function, one audit leaf, one piece of live news."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from callmissed.conversations import repository
from callmissed.conversations.models import Conversation, Message
from callmissed.conversations.problems import (
    ConversationNotFound,
    HeldByTeammate,
    MessageEmpty,
    MessageTooLong,
    NotYours,
)
from callmissed.conversations.states import MESSAGE_LIMIT, Author, Reason, State, bot_may_speak
from callmissed.foundation import audit, clock, live
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import SYSTEM, Actor

RETENTION_CLASS = "conversation"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a message stands. `is_new` is False when the same message had arrived before."""

    message_id: UUID
    ordinal: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about to be said. `client_ref` is what its sender calls it: sent twice, it is said once.

    A bot's message carries the sources it rests on, its price (micro-rupees) and its usage record.
    """

    author: Author
    text: str
    client_ref: str
    language: str | None = None
    citations: Sequence[dict[str, Any]] = ()
    price_micro: int = 0
    usage_ref: UUID | None = None


async def open_conversation(tx: Tx, contact_id: UUID, *, channel: str, bot_id: UUID) -> Conversation:
    """The contact's conversation with this bot: the newest, or a new one."""
    known = await repository.latest_of(tx, contact_id, bot_id)
    if known is not None:
        return known
    conversation = Conversation(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        contact_id=contact_id,
        channel=channel,
        bot_id=bot_id,
        state=State.WITH_BOT,
        last_message_at=clock.now(),
        last_ordinal=0,
        unread=0,
    )
    tx.session.add(conversation)
    await tx.session.flush()
    await _written(tx, conversation, "opened", {"channel": channel})
    return conversation


async def add_message(tx: Tx, conversation_id: UUID, draft: Draft) -> Receipt | None:
    """Say something in a conversation. A contact who writes to a resolved one reopens it.

    None for a bot that may not speak: a person has been asked for or has it. Raises ConversationNotFound, MessageEmpty,
    MessageTooLong, and NotYours for a teammate who has not taken the conversation over.
    """
    words = _checked(draft.text)
    conversation = await _held(tx, conversation_id)
    known = await repository.said_as(tx, conversation_id, draft.client_ref)
    if known is not None:
        return Receipt(known.id, known.ordinal, is_new=False)
    if not await _admitted(tx, conversation, draft.author):
        return None
    message = _next(conversation, draft.author, _author_id(tx, conversation, draft.author))
    message.client_ref = draft.client_ref
    message.language = draft.language
    message.citations = list(draft.citations)
    message.price_micro = draft.price_micro
    message.usage_ref = draft.usage_ref
    box = await tx.vault.person(message.contact_id, RETENTION_CLASS)
    message.body = box.seal(Message.body, message.id, words)
    tx.session.add(message)
    leaf = {"author": draft.author.value, "ordinal": message.ordinal, "price_micro": draft.price_micro}
    await _written(tx, conversation, "message_added", leaf)
    return Receipt(message.id, message.ordinal, is_new=True)


async def _admitted(tx: Tx, conversation: Conversation, author: Author) -> bool:
    """Whether this author may speak now; a contact always may, and reopens what was resolved."""
    if author is Author.BOT:
        return bot_may_speak(State(conversation.state))
    if author is Author.TEAMMATE and not _is_with(conversation, _actor(tx)):
        raise NotYours
    if author is Author.CONTACT:
        conversation.unread += 1
        if conversation.state == State.RESOLVED:
            _give_to(conversation, State.WITH_BOT)
            await _happened(tx, conversation, "reopened")
    return True


def _author_id(tx: Tx, conversation: Conversation, author: Author) -> UUID | None:
    if author is Author.BOT:
        return conversation.bot_id
    return _actor(tx).id if author is Author.TEAMMATE else None


async def ask_for_person(tx: Tx, conversation_id: UUID, reason: Reason = Reason.WANTS_PERSON) -> bool:
    """Put a conversation in the queue for a teammate. False when one has it, or has been asked for already."""
    conversation = await _held(tx, conversation_id)
    if conversation.state in {State.WAITING, State.WITH_TEAMMATE}:
        return False
    _give_to(conversation, State.WAITING)
    conversation.waiting_since = clock.now()
    conversation.waiting_reason = reason
    await _happened(tx, conversation, "asked_for_person", reason)
    await _written(tx, conversation, "asked_for_person", {"reason": reason})
    return True


async def take_over(tx: Tx, conversation_id: UUID) -> None:
    """Give a conversation to the teammate who asks; taking over from another teammate is allowed, and said."""
    conversation = await _held(tx, conversation_id)
    actor = _actor(tx)
    if _is_with(conversation, actor):
        return
    _give_to(conversation, State.WITH_TEAMMATE)
    conversation.assigned_user_id = actor.id
    conversation.unread = 0
    await _happened(tx, conversation, "taken_over")
    await _written(tx, conversation, "taken_over", {})


async def take_if_free(tx: Tx, conversation_id: UUID) -> None:
    """Take a conversation over unless another teammate holds it. Raises HeldByTeammate."""
    _refuse_if_held_by_another(tx, await _held(tx, conversation_id))
    await take_over(tx, conversation_id)


async def hand_back(tx: Tx, conversation_id: UUID) -> None:
    """Give a conversation back to the bot. A contact may do so while waiting; a teammate only with what they hold.

    Raises HeldByTeammate.
    """
    conversation = await _held(tx, conversation_id)
    if conversation.state == State.WITH_BOT:
        return
    _refuse_if_held_by_another(tx, conversation)
    _give_to(conversation, State.WITH_BOT)
    await _happened(tx, conversation, "handed_back")
    await _written(tx, conversation, "handed_back", {})


async def resolve(tx: Tx, conversation_id: UUID) -> None:
    """Close a conversation; it reopens when the contact writes again. Raises HeldByTeammate."""
    conversation = await _held(tx, conversation_id)
    if conversation.state == State.RESOLVED:
        return
    _refuse_if_held_by_another(tx, conversation)
    _give_to(conversation, State.RESOLVED)
    conversation.unread = 0
    await _happened(tx, conversation, "resolved")
    await _written(tx, conversation, "resolved", {})


async def let_go_of(tx: Tx, user_id: UUID) -> int:
    """Put what this teammate holds back into the queue: they work here no more. Returns how many conversations."""
    held = await repository.held_by(tx, user_id)
    for conversation in held:
        _give_to(conversation, State.WAITING)
        conversation.waiting_since = clock.now()
        conversation.waiting_reason = Reason.WANTS_PERSON
        await _happened(tx, conversation, "let_go", Reason.WANTS_PERSON)
        await _written(tx, conversation, "let_go", {})
    return len(held)


async def mark_seen(tx: Tx, conversation_id: UUID) -> None:
    """Note that a teammate has seen everything said so far."""
    conversation = await _held(tx, conversation_id)
    if conversation.unread:
        conversation.unread = 0
        await _written(tx, conversation, "seen", {})


async def existing(tx: Tx, conversation_id: UUID, *, lock: bool = False) -> Conversation:
    """The conversation, if this caller may know of it: a visitor knows of their own only. Raises ConversationNotFound."""
    conversation = await repository.conversation(tx, conversation_id, lock=lock)
    actor = _actor(tx)
    if conversation is None or (actor.kind == "visitor" and conversation.contact_id != actor.id):
        raise ConversationNotFound
    return conversation


async def _held(tx: Tx, conversation_id: UUID) -> Conversation:
    return await existing(tx, conversation_id, lock=True)


def _actor(tx: Tx) -> Actor:
    return tx.access.actor if tx.access else SYSTEM


def _checked(text: str) -> str:
    # PostgreSQL stores no NUL, and a lone surrogate has no UTF-8 form.
    words = text.replace("\0", "").encode("utf-8", "replace").decode().strip()
    if not words:
        raise MessageEmpty
    if len(words) > MESSAGE_LIMIT:
        raise MessageTooLong(limit=MESSAGE_LIMIT, length=len(words))
    return words


def _refuse_if_held_by_another(tx: Tx, conversation: Conversation) -> None:
    if conversation.state == State.WITH_TEAMMATE and not _is_with(conversation, _actor(tx)):
        raise HeldByTeammate


def _is_with(conversation: Conversation, actor: Actor) -> bool:
    return conversation.state == State.WITH_TEAMMATE and conversation.assigned_user_id == actor.id


def _give_to(conversation: Conversation, state: State) -> None:
    conversation.state = state
    conversation.assigned_user_id = None
    conversation.waiting_since = None
    conversation.waiting_reason = None


def _next(conversation: Conversation, author: Author, author_id: UUID | None) -> Message:
    """The next message of a conversation held by this transaction; the row lock makes its place unique."""
    conversation.last_ordinal += 1
    conversation.last_message_at = clock.now()
    return Message(
        tenant_id=conversation.tenant_id,
        id=uuid7(),
        conversation_id=conversation.id,
        contact_id=conversation.contact_id,
        ordinal=conversation.last_ordinal,
        author=author,
        author_id=author_id,
        citations=[],
        price_micro=0,
    )


async def _happened(tx: Tx, conversation: Conversation, event: str, reason: Reason | None = None) -> None:
    """Write into the thread what happened; who did it is the author."""
    actor = _actor(tx)
    message = _next(conversation, Author.SYSTEM, actor.id if actor.kind == "user" else None)
    message.event = event
    message.reason = reason
    tx.session.add(message)


async def _written(tx: Tx, conversation: Conversation, verb: str, body: dict[str, Any]) -> None:
    """The audit leaf of a change, and the news of it for the inbox and for the open thread."""
    await tx.session.flush()
    name = f"conversations:conversation:{verb}"
    await audit.record(tx, name, subject=conversation.contact_id, target=conversation.id, body=body)
    news = {"conversation": str(conversation.id)}
    await live.announce(tx, inbox_topic(tx.tenant_id), news)
    await live.announce(tx, thread_topic(conversation.id), news)


def inbox_topic(tenant_id: UUID) -> str:
    """News of any conversation of a tenant."""
    return f"inbox:{tenant_id}"


def thread_topic(conversation_id: UUID) -> str:
    """News of one conversation."""
    return f"conversation:{conversation_id}"
