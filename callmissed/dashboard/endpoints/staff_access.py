"""What a workspace sees of the operator's staff: who asks to look, who may look now, and each row they read."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.frame import workspace_page
from callmissed.foundation import clock
from callmissed.foundation.http import Router, TenantTx, permits
from callmissed.identity import staff

router = Router(tags=["staff-access"])

HERE = "/app/staff-access"


@router.get(HERE, access=permits("privacy.read"))
async def listed(request: Request, tx: TenantTx) -> Response:
    """Every request with its story, newest first."""
    cards = await staff.cards(tx)
    return await workspace_page(
        request,
        tx,
        "dashboard/staff_access/list.html",
        active="staff-access",
        cards=cards,
        stories=await staff.story(tx, [card.id for card in cards]),
        now=clock.now(),
        me=tx.access.actor.id if tx.access else None,
        may_decide=bool(tx.access and tx.access.may("privacy.write")),
    )


@router.post(HERE + "/{request_id}/approve", access=permits("privacy.write", fresh=True))
async def approve(request_id: UUID, tx: TenantTx) -> Response:
    """Let them look, from now on and for the time they asked for."""
    await staff.approve(tx, request_id)
    return RedirectResponse(f"{HERE}#{request_id}", 303)


@router.post(HERE + "/{request_id}/refuse", access=permits("privacy.write"))
async def refuse(request_id: UUID, tx: TenantTx) -> Response:
    """Say no."""
    await staff.refuse(tx, request_id)
    return RedirectResponse(f"{HERE}#{request_id}", 303)


@router.post(HERE + "/{request_id}/end", access=permits("privacy.write"))
async def end(request_id: UUID, tx: TenantTx) -> Response:
    """End a look at once."""
    await staff.end(tx, request_id)
    return RedirectResponse(f"{HERE}#{request_id}", 303)


@router.post(HERE + "/{request_id}/acknowledge", access=permits("privacy.write"))
async def acknowledge(request_id: UUID, tx: TenantTx) -> Response:
    """Take note of broken glass; the banner goes."""
    await staff.acknowledge(tx, request_id)
    return RedirectResponse(f"{HERE}#{request_id}", 303)
