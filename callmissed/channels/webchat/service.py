"""The verbs of web chat: begin, and be known again."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from callmissed import contacts, conversations
from callmissed.bots import WIDGET
from callmissed.channels.webchat import repository
from callmissed.channels.webchat.models import VisitorSession
from callmissed.channels.webchat.problems import VisitorUnknown, WidgetNotFound
from callmissed.foundation import audit, clock, directory
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.directory import Entry
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import Access, Actor

SESSION_DAYS = 30
PERMISSION = "widget.chat"


@dataclass(frozen=True, slots=True)
class Begun:
    """A visitor's new token; it is told once and only its hash is kept."""

    token: str
    expires_at: datetime


async def find_widget(tx: Tx, widget_id: str) -> Entry:
    """Whose widget this is: tenant and bot. Raises WidgetNotFound."""
    entry = await directory.find(tx, WIDGET, widget_id)
    if entry is None:
        raise WidgetNotFound
    return entry


async def begin(tx: Tx, bot_id: UUID, language: str) -> Begun:
    """Begin a visitor's session with a bot: a contact under a random id, and a token for it."""
    now = clock.now()
    await repository.remove_expired(tx, now)
    visitor = await contacts.meet(tx, contacts.VISITOR, secrets.token_hex(16), language=language)
    await conversations.open_conversation(tx, visitor.id, channel=contacts.VISITOR, bot_id=bot_id)
    token = secrets.token_urlsafe(32)
    session = VisitorSession(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        contact_id=visitor.id,
        bot_id=bot_id,
        token_hash=tx.vault.keyed_hash("visitor_session", token),
        expires_at=now + timedelta(days=SESSION_DAYS),
    )
    tx.session.add(session)
    await audit.record(tx, "channels:visitor:begun", subject=visitor.id, target=session.id, body={})
    return Begun(token, session.expires_at)


async def recognise(db: Database, widget: Entry, token: str) -> Access:
    """The standing of the visitor who holds this token: their own conversation and nothing else. Raises VisitorUnknown."""
    async with db.tenant(Access.system(widget.tenant_id)) as tx:
        token_hash = tx.vault.keyed_hash("visitor_session", token)
        session = await repository.session_under(tx, token_hash, widget.target_id, clock.now())
    if session is None:
        raise VisitorUnknown
    return Access(widget.tenant_id, Actor("visitor", session.contact_id), frozenset({PERMISSION}))


async def own_conversation(tx: Tx, bot_id: UUID) -> UUID:
    """The visitor's conversation with this bot; opened when there is none yet."""
    visitor = tx.access.actor.id if tx.access else None
    if visitor is None:
        raise VisitorUnknown
    return (await conversations.open_conversation(tx, visitor, channel=contacts.VISITOR, bot_id=bot_id)).id


class VisitorCustodian:
    """Asked by `contacts` when a contact is exported or erased: their tokens stop working."""

    name = "web chat sessions"

    async def export(self, tx: Tx, contact_id: UUID) -> list[dict[str, Any]]:
        """Nothing readable: a session is a hash and a date."""
        del tx, contact_id
        return []

    async def erase(self, tx: Tx, contact_id: UUID) -> int:
        """Remove the contact's sessions."""
        return await repository.remove_of(tx, contact_id)
