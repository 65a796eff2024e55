"""SQL of service accounts."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from callmissed.foundation.database import Tx
from callmissed.identity.models import ServiceAccount


async def service_accounts(tx: Tx) -> Sequence[ServiceAccount]:
    """The tenant's open service accounts, by name."""
    query = select(ServiceAccount).where(
        ServiceAccount.tenant_id == tx.tenant_id, ServiceAccount.closed_at.is_(None)
    )
    return (await tx.session.scalars(query.order_by(ServiceAccount.name))).all()


async def service_account(tx: Tx, account_id: UUID, *, for_update: bool = False) -> ServiceAccount | None:
    """One open service account of the tenant; `for_update` holds it until the transaction ends."""
    found = await tx.session.get(
        ServiceAccount, (tx.tenant_id, account_id), with_for_update=for_update or None
    )
    return found if found is not None and found.closed_at is None else None
