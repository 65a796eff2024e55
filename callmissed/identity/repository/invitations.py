"""SQL of invitations."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select

from callmissed.foundation.database import Tx
from callmissed.identity.models import Invitation


async def unsettled(tx: Tx) -> Sequence[Invitation]:
    """Invitations of the tenant that are neither accepted nor withdrawn, newest first; also those that have expired."""
    query = (
        select(Invitation)
        .where(
            Invitation.tenant_id == tx.tenant_id,
            Invitation.accepted_at.is_(None),
            Invitation.withdrawn_at.is_(None),
        )
        .order_by(Invitation.id.desc())
    )
    return (await tx.session.scalars(query)).all()


async def invitation(tx: Tx, invitation_id: UUID) -> Invitation | None:
    """One invitation of the tenant, as it is now, held until the transaction ends."""
    return await tx.session.get(
        Invitation, (tx.tenant_id, invitation_id), with_for_update=True, populate_existing=True
    )


async def count_open(tx: Tx, now: datetime) -> int:
    """How many invitations of the tenant can still be accepted."""
    query = select(func.count()).where(
        Invitation.tenant_id == tx.tenant_id,
        Invitation.accepted_at.is_(None),
        Invitation.withdrawn_at.is_(None),
        Invitation.expires_at > now,
    )
    return (await tx.session.execute(query)).scalar_one()


async def remove(tx: Tx, invitation_id: UUID) -> None:
    """Remove one invitation."""
    await tx.session.execute(
        delete(Invitation).where(Invitation.tenant_id == tx.tenant_id, Invitation.id == invitation_id)
    )
