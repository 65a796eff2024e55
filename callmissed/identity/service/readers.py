"""Whom a letter to everybody goes to: the people with an open account, page by page."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from callmissed.foundation.database import Tx
from callmissed.foundation.vault import SealedValue
from callmissed.identity.models import UserAccount
from callmissed.identity.service.accounts import platform


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with an open account: where a letter reaches them, and in which language they read."""

    id: UUID
    email: str
    language: str


async def readers(tx: Tx, *, since_before: datetime, after: UUID | None, limit: int) -> list[Reader]:
    """The next people by their id who have had an account since before that moment and have not closed it."""
    query = (
        select(UserAccount.id, UserAccount.email, UserAccount.language)
        .where(UserAccount.deactivated_at.is_(None), UserAccount.created_at < since_before)
        .order_by(UserAccount.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(UserAccount.id > after)
    rows = (await tx.session.execute(query)).all()
    sealed = [SealedValue(UserAccount.email, row.id, row.id, row.email) for row in rows]
    opened = await platform(tx).open_many(sealed)
    return [
        Reader(row.id, email, row.language)
        for row, email in zip(rows, opened, strict=True)
        if email is not None
    ]
