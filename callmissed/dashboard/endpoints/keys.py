"""API keys: the list, making one, and stopping one."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, wants_page
from callmissed.foundation.problems import Problem
from callmissed.identity import KEY_SERVICES, create_key, list_keys, revoke_key

router = Router(tags=["keys"])

LIFETIMES = (30, 90, 365)
"""Days a key can be made to last; 0 in the form means until it is revoked."""


@router.get("/app/keys", access=permits("keys.read"))
async def listed(request: Request, tx: TenantTx, new: bool = False, revoke: UUID | None = None) -> Response:
    """The workspace's keys; with `new` the drawer is open, with `revoke` the question about that key."""
    return await _page(request, tx, drawer=new, revoke=revoke)


@router.post("/app/keys", access=permits("keys.write"))
async def create(
    request: Request,
    tx: TenantTx,
    name: Annotated[str, Form()] = "",
    days: Annotated[int, Form(ge=0, le=3650)] = 90,
    allowed: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a key and show it, this one time: the secret is in this reply and nowhere else."""
    try:
        made = await create_key(
            tx, name, permissions=[each for each in allowed or [] if each], days=days or None
        )
    except Problem as problem:
        if not wants_page(request):
            raise
        return await _page(request, tx, drawer=True, problem=problem, name=name, days=days)
    return await _page(request, tx, made=made)


@router.post("/app/keys/{key_id}/revoke", access=permits("keys.write"))
async def revoke(key_id: UUID, tx: TenantTx) -> Response:
    """Stop a key; programs that use it are refused within a second. Raises KeyNotFound."""
    await revoke_key(tx, key_id)
    return RedirectResponse("/app/keys", 303)


async def _page(
    request: Request,
    tx: Tx,
    *,
    drawer: bool = False,
    problem: Problem | None = None,
    revoke: UUID | None = None,
    **context: object,
) -> Response:
    found = await list_keys(tx)
    shown: dict[str, object] = {"name": "", "days": 90, "made": None, **context}
    reply = await workspace_page(
        request,
        tx,
        "dashboard/keys/list.html",
        active="keys",
        status_code=problem.status if problem else 200,
        keys=found,
        to_revoke=next((card for card in found if card.id == revoke and card.state == "working"), None),
        drawer=drawer,
        problem=problem,
        key_services=KEY_SERVICES,
        lifetimes=LIFETIMES,
        may_write=tx.access is not None and tx.access.may("keys.write"),
        **shown,
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply
