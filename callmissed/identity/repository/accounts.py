"""SQL of accounts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Table, delete, exists, or_, select

from callmissed.foundation.database import Tx
from callmissed.identity.models import LinkedIdentity, Passkey, RecoveryCode, Session, TotpFactor, UserAccount
from callmissed.identity.models.staff import StaffMember


async def account(tx: Tx, user_id: UUID, *, for_update: bool = False) -> UserAccount | None:
    """One account; `for_update` holds it until the transaction ends."""
    return await tx.session.get(UserAccount, user_id, with_for_update=for_update or None)


async def account_under(tx: Tx, email_index: bytes) -> UserAccount | None:
    """The account that signs in with this address."""
    return await tx.session.scalar(select(UserAccount).where(UserAccount.email_index == email_index))


async def unfinished_accounts(tx: Tx, moment: datetime, limit: int) -> Sequence[UUID]:
    """Accounts begun before this time whose holder never said who they are, and has no place on the operator's staff."""
    query = select(UserAccount.id).where(
        UserAccount.adult_declared_at.is_(None),
        UserAccount.created_at < moment,
        ~exists().where(StaffMember.user_id == UserAccount.id, StaffMember.removed_at.is_(None)),
    )
    return (await tx.session.scalars(query.limit(limit))).all()


async def erase_rows(tx: Tx, user_ids: Sequence[UUID]) -> None:
    """Remove the rows of these accounts, once their keys are gone."""
    for owned in (Session, Passkey, TotpFactor, RecoveryCode, LinkedIdentity):
        await tx.session.execute(delete(owned).where(owned.user_id.in_(user_ids)))
    await tx.session.execute(delete(UserAccount).where(UserAccount.id.in_(user_ids)))


async def erase_of(tx: Tx, table: Table, columns: Sequence[str], person_id: UUID) -> int:
    """Remove the rows of a table outside the tenants that name this person; how many there were."""
    mine = or_(*(table.columns[name] == person_id for name in columns))
    return int(getattr(await tx.session.execute(delete(table).where(mine)), "rowcount", 0))
