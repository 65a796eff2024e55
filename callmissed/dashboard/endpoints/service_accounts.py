"""Service accounts: members that are no persons, and own keys."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits
from callmissed.foundation.problems import Problem
from callmissed.identity import service_accounts

router = Router(tags=["keys"])


@router.get("/app/keys/service-accounts", access=permits("keys.read"))
async def listed(request: Request, tx: TenantTx, new: bool = False, close: UUID | None = None) -> Response:
    """The workspace's service accounts; with `new` the drawer is open, with `close` the question about that one."""
    return await _page(request, tx, drawer=new, close=close)


@router.post("/app/keys/service-accounts", access=permits("keys.write"))
async def create(request: Request, tx: TenantTx, name: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Open a service account."""
    try:
        await service_accounts.create_service_account(tx, name)
    except Problem as problem:
        return await _page(request, tx, drawer=True, problem=problem, name=name)
    return RedirectResponse("/app/keys/service-accounts", 303)


@router.post("/app/keys/service-accounts/{account_id}/close", access=permits("keys.write"))
async def close(account_id: UUID, tx: TenantTx) -> Response:
    """Close a service account and stop its keys. Raises ServiceAccountNotFound."""
    await service_accounts.close_service_account(tx, account_id)
    return RedirectResponse("/app/keys/service-accounts", 303)


async def _page(
    request: Request,
    tx: Tx,
    *,
    drawer: bool = False,
    close: UUID | None = None,
    problem: Problem | None = None,
    name: str = "",
) -> Response:
    found = await service_accounts.list_service_accounts(tx)
    return await workspace_page(
        request,
        tx,
        "dashboard/keys/service_accounts.html",
        active="keys",
        status_code=problem.status if problem else 200,
        accounts=found,
        to_close=next((each for each in found if each.id == close), None),
        drawer=drawer,
        problem=problem,
        name=name,
        may_write=tx.access is not None and tx.access.may("keys.write"),
    )
