"""Where a workspace's content may be processed: in India, unless its owner or an admin was told otherwise and agreed (Policy §3)."""

from collections.abc import Iterable

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.identity import repository
from callmissed.identity.models import Tenant
from callmissed.identity.repository import team
from callmissed.identity.service.keys import forget_keys
from callmissed.identity.team_problems import AgreementMissing, WorkspaceNotYours


async def is_india_only(tx: Tx) -> bool:
    """Whether this tenant's content is processed in India only; so for a tenant that is not there."""
    row = await repository.tenant(tx, tx.tenant_id)
    return row is None or row.india_only


async def keep_in_india(tx: Tx) -> None:
    """Let nothing leave India from now on. Every node refuses it within a second of the commit."""
    row = await _held(tx)
    if not row.india_only:
        row.india_only = True
        await forget_keys(tx)
        await audit.record(tx, "identity:tenant:kept_in_india", target=row.id, body={})


async def let_leave_india(tx: Tx, *, agreed: bool, told: Iterable[str]) -> None:
    """Let content go where the caller wishes. `told` names who would receive it and where, as whoever agreed was shown, for the record.

    Raises AgreementMissing.
    """
    if not agreed:
        raise AgreementMissing
    row = await _held(tx)
    if row.india_only:
        row.india_only = False
        await forget_keys(tx)
        places = ", ".join(sorted(told)) or "–"
        await audit.record(tx, "identity:tenant:let_leave_india", target=row.id, body={"places": places})


async def _held(tx: Tx) -> Tenant:
    row = await team.hold_tenant(tx)
    if row is None:
        raise WorkspaceNotYours
    return row
