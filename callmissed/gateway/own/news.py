"""What happens to a workspace's key at a supplier, written down: when it is not accepted any more, and when it is again."""

from pathlib import Path
from uuid import UUID

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.mail import declare_templates
from callmissed.gateway import repository
from callmissed.identity import own_keys

declare_templates("gateway", Path(__file__).resolve().parent.parent / "mail")


async def mark_refused(tx: Tx, key_id: UUID) -> None:
    """A supplier does not accept it: those in charge of the workspace are told, once until it is accepted again."""
    row = await repository.provider_key(tx, key_id, for_update=True)
    if row is None or row.refused_at is not None:
        return
    row.refused_at = clock.now()
    body = {"upstream": row.upstream}
    await audit.record(tx, "gateway:provider_key:refused", target=row.id, body=body)
    await own_keys.write(tx, "gateway.own_key_refused", upstream=row.upstream, last_four=row.last_four)


async def mark_accepted(tx: Tx, key_id: UUID) -> None:
    """A supplier accepts it."""
    row = await repository.provider_key(tx, key_id, for_update=True)
    if row is None:
        return
    row.verified_at = clock.now()
    if row.refused_at is not None:
        row.refused_at = None
        body = {"upstream": row.upstream}
        await audit.record(tx, "gateway:provider_key:accepted", target=row.id, body=body)
