"""Whether a legal hold freezes something of what was closed."""

from uuid import UUID

from callmissed.foundation import audit, clock, directory, holds
from callmissed.foundation.database import Tx
from callmissed.identity.models import Closing
from callmissed.identity.service.sessions import WORKS_IN


async def is_frozen(tx: Tx, closing: Closing) -> bool:
    """Whether a hold freezes something of what was closed; the answer stands until the transaction ends."""
    subject = closing.subject_id
    for hold in await holds.in_force(tx):
        if closing.kind == "account":
            tenants, people = await _places(tx, subject), [subject]
        else:
            known_here = hold.person_id is not None and subject in await _places(tx, hold.person_id)
            tenants, people = [subject], [hold.person_id] if known_here and hold.person_id else []
        if hold.covers(tenants, people):
            return True
    return False


async def _places(tx: Tx, person_id: UUID) -> list[UUID]:
    """The workspaces that know something of a person: they work there, or something is sealed for them there."""
    works_in = await directory.find_all(tx, WORKS_IN, str(person_id))
    return [*(each.tenant_id for each in works_in), *await tx.vault.vault.tenants_of(person_id)]


async def note(tx: Tx, closing: Closing) -> None:
    """Write down that a hold keeps this from being erased: the first time in the operator's log."""
    if closing.held_at is None:
        await audit.record(tx, f"identity:{closing.kind}:erasure_held", body={"closing": str(closing.id)})
    closing.held_at = clock.now()
