"""SQL of passkeys."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from callmissed.foundation.database import Tx
from callmissed.identity.models import Passkey


async def passkeys_of(tx: Tx, user_id: UUID) -> Sequence[Passkey]:
    """A person's passkeys, oldest first."""
    query = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
    return (await tx.session.scalars(query)).all()


async def count_of(tx: Tx, user_id: UUID) -> int:
    """How many passkeys a person has."""
    query = select(func.count()).where(Passkey.user_id == user_id)
    return (await tx.session.execute(query)).scalar_one()


async def passkey_under(tx: Tx, credential_id: bytes) -> Passkey | None:
    """The passkey that a device calls by this name, held until the transaction ends: its count goes up one by one."""
    query = select(Passkey).where(Passkey.credential_id == credential_id).with_for_update()
    return await tx.session.scalar(query)


async def passkey(tx: Tx, user_id: UUID, passkey_id: UUID) -> Passkey | None:
    """One passkey of this person."""
    query = select(Passkey).where(Passkey.user_id == user_id, Passkey.id == passkey_id).with_for_update()
    return await tx.session.scalar(query)
