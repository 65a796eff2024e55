"""SQL of sessions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import Session, UserAccount


async def session_under(tx: Tx, token_hash: bytes) -> Session | None:
    """The session with this token, ended or not."""
    return await tx.session.scalar(select(Session).where(Session.token_hash == token_hash))


async def session_and_account(tx: Tx, token_hash: bytes) -> tuple[Session, UserAccount] | None:
    """The session with this token, ended or not, and whose it is."""
    query = select(Session, UserAccount).join(UserAccount, UserAccount.id == Session.user_id)
    found = (await tx.session.execute(query.where(Session.token_hash == token_hash))).first()
    return (found[0], found[1]) if found else None


async def session_by_id(tx: Tx, user_id: UUID, session_id: UUID) -> Session | None:
    """One session of a person."""
    query = select(Session).where(Session.id == session_id, Session.user_id == user_id)
    return await tx.session.scalar(query)


async def sessions_of(tx: Tx, user_id: UUID, *, since: datetime | None = None) -> Sequence[Session]:
    """A person's sessions, newest first: those that go on, or with `since` also those that were used after that time."""
    query = select(Session).where(Session.user_id == user_id).order_by(Session.last_seen_at.desc())
    wanted = Session.revoked_at.is_(None) if since is None else Session.last_seen_at > since
    return (await tx.session.scalars(query.where(wanted))).all()


async def revoke_sessions(tx: Tx, user_id: UUID, now: datetime, *, but: UUID | None = None) -> Sequence[UUID]:
    """End a person's sessions, all or all but one; returns which."""
    query = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
    if but is not None:
        query = query.where(Session.id != but)
    return (await tx.session.scalars(query.values(revoked_at=now).returning(Session.id))).all()


async def leave_workspace(tx: Tx, user_id: UUID, to: UUID | None) -> None:
    """Have this user's sessions that work in this tenant work in another one, or nowhere."""
    query = update(Session).where(Session.user_id == user_id, Session.tenant_id == tx.tenant_id)
    await tx.session.execute(query.values(tenant_id=to))


async def remove_sessions(tx: Tx, moment: datetime) -> None:
    """Remove sessions that ended before this time."""
    await tx.session.execute(delete(Session).where(Session.expires_at < moment))


async def enter_workspace(tx: Tx, user_id: UUID) -> None:
    """Have this user's sessions that work nowhere yet work in this tenant."""
    query = update(Session).where(Session.user_id == user_id, Session.tenant_id.is_(None))
    await tx.session.execute(query.values(tenant_id=tx.tenant_id))
