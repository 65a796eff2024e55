"""SQL of sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import Session


async def session_under(tx: Tx, token_hash: bytes) -> Session | None:
    """The session with this token, ended or not."""
    return await tx.session.scalar(select(Session).where(Session.token_hash == token_hash))


async def remove_sessions(tx: Tx, moment: datetime) -> None:
    """Remove sessions that ended before this time."""
    await tx.session.execute(delete(Session).where(Session.expires_at < moment))


async def enter_workspace(tx: Tx, user_id: UUID) -> None:
    """Have this user's sessions that work nowhere yet work in this tenant."""
    query = update(Session).where(Session.user_id == user_id, Session.tenant_id.is_(None))
    await tx.session.execute(query.values(tenant_id=tx.tenant_id))
