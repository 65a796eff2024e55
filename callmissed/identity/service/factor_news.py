"""News of a person's factors: what changes them, or is used where a thief would, stands in the log and is told by mail.

Promise use.transactional.
"""

from uuid import UUID

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.identity.service import alerts


async def tell(tx: Tx, user_id: UUID, action: str, factor_id: UUID, **body: str | int) -> None:
    """Write down what happened to a factor, as one of alerts.TRIGGERS, and warn whose it is."""
    leaf = await audit.record(tx, action, subject=user_id, target=factor_id, body=dict(body))
    await alerts.tell(tx, user_id, alerts.TRIGGERS[action], leaf=leaf, about=factor_id)
