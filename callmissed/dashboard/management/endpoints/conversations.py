"""Conversations and contacts, for programs."""

from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from callmissed import contacts, conversations
from callmissed.conversations import Author, Draft, State
from callmissed.dashboard.management.answers import Cursor, Limit, Page, after, answer, once, page_of
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import Contact, Conversation, Message, Reply
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound

router = Api("conversations")

After = Annotated[int, Query(ge=0, le=2**31 - 1, description="`ordinal` of the last message already seen.")]
REFUSED = ("conversation_not_found", "conversation_held", "message_empty", "message_too_long")


class Messages(Page[Message]):
    """Messages in their order. Continue with `after`, the ordinal of the last one."""


@router.api("GET", "/conversations", "inbox.read", gives=Page[Conversation], problems=("cursor_unusable",))
async def list_all(
    request: Request, tx: TenantTx, state: State | None = None, cursor: Cursor = "", limit: Limit = 20
) -> Response:
    """Conversations, the newest begun first; with `state` only those that stand so."""
    states = (state,) if state else tuple(State)
    found = await conversations.list_threads(tx, states, before=after(cursor), limit=limit + 1)
    return answer(
        request, page_of([_conversation(each) for each in found], [each.id for each in found], limit)
    )


@router.api(
    "GET",
    "/conversations/{conversation_id}",
    "inbox.read",
    gives=Conversation,
    problems=("conversation_not_found",),
)
async def read(request: Request, tx: TenantTx, conversation_id: UUID) -> Response:
    """One conversation."""
    return answer(request, _conversation(await conversations.thread(tx, conversation_id, after=2**31 - 1)))


@router.api(
    "GET",
    "/conversations/{conversation_id}/messages",
    "inbox.read",
    gives=Messages,
    problems=("conversation_not_found",),
)
async def messages(
    request: Request,
    tx: TenantTx,
    conversation_id: UUID,
    seen: Annotated[After, Query(alias="after")] = 0,
    limit: Limit = 20,
) -> Response:
    """What was said, in order, after the ordinal already seen."""
    thread = await conversations.thread(tx, conversation_id, after=seen)
    return answer(
        request, Messages(items=[_message(each) for each in thread.messages[:limit]], next_cursor=None)
    )


@router.api(
    "POST",
    "/conversations/{conversation_id}/messages",
    "inbox.reply",
    gives=Message,
    status=201,
    problems=REFUSED,
)
async def reply(request: Request, tx: TenantTx, conversation_id: UUID, body: Reply) -> Response:
    """Answer as a person: the conversation is taken over from the bot. One that a teammate holds is left to them."""

    async def work() -> tuple[UUID, None]:
        await conversations.take_if_free(tx, conversation_id)
        draft = Draft(Author.TEAMMATE, body.text, str(uuid7()))
        receipt = await conversations.add_message(tx, conversation_id, draft)
        if receipt is None:
            raise NotFound
        return receipt.message_id, None

    async def show(message_id: UUID) -> Message:
        thread = await conversations.thread(tx, conversation_id)
        found = next((each for each in thread.messages if each.id == message_id), None)
        if found is None:
            raise NotFound
        return _message(found)

    return await once(request, tx, body, work, show)


@router.api("GET", "/contacts", "contacts.read", gives=Page[Contact], problems=("cursor_unusable",))
async def list_contacts(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Contacts, the newest first. Kinds of addresses stand in each one's own document."""
    found = await contacts.list_cards(tx, before=after(cursor), limit=limit + 1)
    return answer(request, page_of([_contact(each) for each in found], [each.id for each in found], limit))


@router.api("GET", "/contacts/{contact_id}", "contacts.read", gives=Contact, problems=("contact_not_found",))
async def read_contact(request: Request, tx: TenantTx, contact_id: UUID) -> Response:
    """One contact, with the kinds of addresses it has."""
    return answer(request, await _contact_of(tx, contact_id))


async def _contact_of(tx: Tx, contact_id: UUID) -> Contact:
    return _contact(await contacts.card(tx, contact_id))


def _contact(card: contacts.Card) -> Contact:
    return Contact(
        id=card.id,
        name=card.name,
        number=card.number,
        language=card.language,
        first_seen=card.first_seen,
        kinds=list(card.kinds),
    )


def _conversation(thread: conversations.Thread) -> Conversation:
    return Conversation(
        id=thread.id,
        contact_id=thread.contact_id,
        bot_id=thread.bot_id,
        channel=thread.channel,
        state=thread.state,
        assigned_to=thread.assigned_user_id,
        unread=thread.unread,
        last_message_at=thread.last_message_at,
    )


def _message(said: conversations.Said) -> Message:
    return Message(
        id=said.id,
        ordinal=said.ordinal,
        author=said.author,
        author_id=said.author_id,
        text=said.text,
        language=said.language,
        event=said.event,
        price_micro=said.price_micro,
        at=said.at,
    )
