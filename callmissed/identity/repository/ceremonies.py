"""SQL of ceremonies."""

from datetime import datetime

from sqlalchemy import select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import Ceremony


async def answer(
    tx: Tx, kind: str, ticket_hash: bytes, browser_hash: bytes, now: datetime
) -> Ceremony | None:
    """Close the ceremony of this ticket and browser, for good; None when there is none open. Two never both get it."""
    query = update(Ceremony).where(
        Ceremony.kind == kind,
        Ceremony.ticket_hash == ticket_hash,
        Ceremony.browser_hash == browser_hash,
        Ceremony.consumed_at.is_(None),
        Ceremony.expires_at > now,
    )
    return await tx.session.scalar(query.values(consumed_at=now).returning(Ceremony))


async def open_in(
    tx: Tx, kind: str, browser_hash: bytes, now: datetime, *, for_update: bool = False
) -> Ceremony | None:
    """The newest open ceremony of this kind in a browser."""
    query = select(Ceremony).where(
        Ceremony.kind == kind,
        Ceremony.browser_hash == browser_hash,
        Ceremony.consumed_at.is_(None),
        Ceremony.expires_at > now,
    )
    query = query.order_by(Ceremony.id.desc()).limit(1).execution_options(populate_existing=True)
    return await tx.session.scalar(query.with_for_update() if for_update else query)
