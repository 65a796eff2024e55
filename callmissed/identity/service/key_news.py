"""News of keys: whoever made a key, and whoever touches it, are told by mail (promise use.transactional)."""

from uuid import UUID

from callmissed.foundation.database import Tx
from callmissed.identity.models import ApiKey
from callmissed.identity.service import alerts


async def tell(tx: Tx, row: ApiKey, what: str, leaf: UUID) -> None:
    """Warn of what happened to a key, as this leaf of the log says: "key_created" or "key_changed"."""
    actor = tx.access.actor if tx.access else None
    caller = actor.id if actor is not None and actor.kind == "user" else None
    for each in dict.fromkeys((row.created_by, caller)):
        if each is not None:
            await alerts.tell(tx, each, what, leaf=leaf, about=row.id, name=row.name)
