"""Looking into a tenant: a standing for one page, and what was read, row by row, in the tenant's own log."""

from collections.abc import Sequence
from uuid import UUID

from callmissed.foundation import audit
from callmissed.foundation.database import Seen, Tx
from callmissed.foundation.problems import Forbidden
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity.models.staff import StaffAccess
from callmissed.identity.repository import staff as repository
from callmissed.identity.service.staff.access import Card, card_of, existing, state_of
from callmissed.identity.service.staff.members import working
from callmissed.identity.staff_problems import AccessNotFound, AccessOver
from callmissed.identity.staff_roles import SCOPES


async def look(tx: Tx, access_id: UUID, user_id: UUID, page: str) -> tuple[Access, Card]:
    """The standing in this tenant for showing one page now, and the request it rests on. The page stands in the log first.

    Raises NotFound, UndertakingMissing, AccessNotFound for who has no part in it, and AccessOver past its time.
    """
    await working(tx, user_id)
    row = await existing(tx, access_id)
    if user_id not in {row.asked_by, row.seconded_by}:
        raise AccessNotFound
    if state_of(row) != "open":
        raise AccessOver
    actor = Actor("staff", user_id)
    row.reads += 1
    body = {"page": page, "by": _handle(row, user_id)}
    await audit.record(tx, "identity:staff:page_opened", target=row.id, body=body, actor=actor)
    purpose = "support" if row.kind == "approval" else "break-glass"
    return Access(tx.tenant_id, actor, SCOPES[row.scope], purpose, approval=row.id), card_of(row)


async def write_down(tx: Tx, seen: Sequence[Seen]) -> None:
    """One leaf for each row that staff have read in this tenant. The database's witness. Raises Forbidden without an approval."""
    access = tx.access
    row = (
        await repository.access(tx, access.approval, for_update=True) if access and access.approval else None
    )
    if access is None or access.actor.id is None or row is None:
        raise Forbidden
    for each in seen:
        body = {"table": each.table, "by": _handle(row, access.actor.id)}
        if each.row_id is not None and not each.is_person:
            body["row"] = str(each.row_id)
        # A person's own row is named by a commitment only, so that erasing them makes this unlinkable too.
        subject = each.row_id if each.is_person else None
        await audit.record(tx, "identity:staff:row_read", subject=subject, target=row.id, body=body)
    row.reads += len(seen)


def _handle(row: StaffAccess, user_id: UUID) -> str:
    return row.second_handle or "" if user_id == row.seconded_by else row.handle
