"""News of a person's factors: each change is written into the log, and its holder is told by mail (promise use.transactional)."""

from uuid import UUID

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.identity.service import alerts


async def tell(tx: Tx, user_id: UUID, action: str, factor_id: UUID, **body: str | int) -> None:
    """Write down that a factor was changed, as one of alerts.FACTORS_CHANGED, and warn whose it is."""
    leaf = await audit.record(tx, action, subject=user_id, target=factor_id, body=dict(body))
    await alerts.tell(tx, user_id, "factor_changed", leaf=leaf)
