"""All SQL of web chat. Every query names the tenant."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from callmissed.channels.webchat.models import VisitorSession
from callmissed.foundation.database import Tx


async def session_under(tx: Tx, token_hash: bytes, bot_id: UUID, at: datetime) -> VisitorSession | None:
    """The session with this token, for this bot, still valid at that time; or None."""
    query = select(VisitorSession).where(
        VisitorSession.tenant_id == tx.tenant_id,
        VisitorSession.token_hash == token_hash,
        VisitorSession.bot_id == bot_id,
        VisitorSession.expires_at > at,
    )
    return await tx.session.scalar(query)


async def remove_expired(tx: Tx, at: datetime) -> None:
    """Remove the tenant's sessions that had expired by that time."""
    query = delete(VisitorSession).where(
        VisitorSession.tenant_id == tx.tenant_id, VisitorSession.expires_at <= at
    )
    await tx.session.execute(query)


async def remove_of(tx: Tx, contact_id: UUID) -> int:
    """Remove a contact's sessions; returns how many."""
    query = delete(VisitorSession).where(
        VisitorSession.tenant_id == tx.tenant_id, VisitorSession.contact_id == contact_id
    )
    return len((await tx.session.execute(query.returning(VisitorSession.id))).all())
