"""What can be read: the list, one thread, and one contact's share of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from callmissed.contacts import Card, cards
from callmissed.conversations import repository
from callmissed.conversations.models import Conversation, Message
from callmissed.conversations.service import existing
from callmissed.conversations.states import OPEN, State
from callmissed.foundation.database import Tx
from callmissed.foundation.vault import SealedValue

LIST_LIMIT = 100

VIEWS: dict[str, tuple[State, ...]] = {
    "waiting": (State.WAITING, State.WITH_TEAMMATE),
    "with_bot": (State.WITH_BOT,),
    "all": tuple(State),
}
"""The tabs of the inbox. What a teammate holds stays under Waiting until it is handed back or resolved."""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing said, or one thing that happened (then `event` names it and `text` is empty)."""

    id: UUID
    ordinal: int
    author: str
    author_id: UUID | None
    client_ref: str | None
    text: str
    language: str | None
    event: str | None
    reason: str | None
    citations: Sequence[dict[str, Any]]
    price_micro: int
    usage_ref: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation and what was said in it."""

    id: UUID
    contact_id: UUID
    bot_id: UUID
    channel: str
    state: State
    assigned_user_id: UUID | None
    waiting_since: datetime | None
    last_message_at: datetime
    unread: int
    messages: Sequence[Said] = field(default=())


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the inbox: whose conversation, the last thing said, by whom."""

    thread: Thread
    contact: Card
    preview: str
    preview_author: str


async def thread(tx: Tx, conversation_id: UUID, *, after: int = 0) -> Thread:
    """A conversation with everything said after the place `after`. Raises ConversationNotFound."""
    conversation = await existing(tx, conversation_id)
    rows = await repository.messages(tx, conversation_id, after)
    texts = await _texts(tx, rows)
    return _thread(conversation, [_said(row, text) for row, text in zip(rows, texts, strict=True)])


async def inbox(tx: Tx, view: str) -> list[Line]:
    """The inbox under one tab ("waiting", "with_bot", "all"), the most recent first, at most 100."""
    found = await repository.in_states(tx, VIEWS[view], LIST_LIMIT)
    people = await cards(tx, [each.contact_id for each in found])
    last = {row.conversation_id: row for row in await repository.last_said(tx, [each.id for each in found])}
    texts = dict(zip(last, await _texts(tx, list(last.values())), strict=True))
    return [
        Line(
            _thread(each),
            people[each.contact_id],
            texts.get(each.id, ""),
            last[each.id].author if each.id in last else "",
        )
        for each in found
    ]


async def counts(tx: Tx) -> dict[str, int]:
    """How many conversations stand under each tab of the inbox; "all" counts the open ones."""
    by_state = await repository.count_by_state(tx)
    totals = {view: sum(by_state.get(state, 0) for state in states) for view, states in VIEWS.items()}
    return {**totals, "all": sum(by_state.get(state, 0) for state in OPEN)}


async def threads_of(tx: Tx, contact_id: UUID) -> list[Thread]:
    """Every conversation with one contact, newest first, without what was said."""
    return [_thread(row) for row in await repository.of_contact(tx, contact_id)]


async def list_threads(
    tx: Tx, states: Sequence[State] = tuple(State), *, before: UUID | None = None, limit: int = LIST_LIMIT
) -> list[Thread]:
    """Conversations in these states, the newest begun first, without what was said; `before` as the last id seen."""
    return [_thread(row) for row in await repository.newest(tx, states, before, limit)]


async def _texts(tx: Tx, rows: Sequence[Message]) -> list[str]:
    """What was said in these rows, in their order; empty where it was erased or nothing was said."""
    spoken = [row for row in rows if row.body is not None]
    sealed = [SealedValue(Message.body, row.id, row.contact_id, row.body or b"") for row in spoken]
    opened = {row.id: text or "" for row, text in zip(spoken, await tx.vault.open_many(sealed), strict=True)}
    return [opened.get(row.id, "") for row in rows]


def _said(row: Message, text: str) -> Said:
    return Said(
        row.id,
        row.ordinal,
        row.author,
        row.author_id,
        row.client_ref,
        text,
        row.language,
        row.event,
        row.reason,
        row.citations,
        row.price_micro,
        row.usage_ref,
        row.created_at,
    )


def _thread(row: Conversation, messages: Sequence[Said] = ()) -> Thread:
    return Thread(
        row.id,
        row.contact_id,
        row.bot_id,
        row.channel,
        State(row.state),
        row.assigned_user_id,
        row.waiting_since,
        row.last_message_at,
        row.unread,
        messages,
    )
