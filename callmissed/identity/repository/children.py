"""SQL of signs of children."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from callmissed.foundation.database import Tx
from callmissed.identity.models import ChildSignal


async def signal(tx: Tx, signal_id: UUID) -> ChildSignal | None:
    """One sign, held until the transaction ends."""
    return await tx.session.get(ChildSignal, signal_id, with_for_update=True)


async def open_signal(tx: Tx, user_id: UUID) -> ChildSignal | None:
    """The sign about this account that waits to be settled."""
    query = select(ChildSignal).where(ChildSignal.user_id == user_id, ChildSignal.settled_at.is_(None))
    return await tx.session.scalar(query)


async def open_signals(tx: Tx) -> Sequence[ChildSignal]:
    """Every sign that waits to be settled, the oldest first."""
    query = select(ChildSignal).where(ChildSignal.settled_at.is_(None)).order_by(ChildSignal.created_at)
    return (await tx.session.scalars(query)).all()
