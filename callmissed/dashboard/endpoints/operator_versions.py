"""Versions of the policy in the operator's console: what would be published, what was, and how far the telling is."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.console import console_page, staff_permits
from callmissed.foundation.database import Tx
from callmissed.foundation.http import ControlTx, Router, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.privacy import Facts, policy_deliveries, policy_reminders, policy_versions, publish_version

router = Router(tags=["operator"])


@router.get("/operator/versions", access=staff_permits("operator.promises"))
async def versions(request: Request, tx: ControlTx) -> Response:
    """The draft, every version, and who has been told of the one that waits."""
    return await _page(request, tx)


@router.post("/operator/versions", access=staff_permits("operator.policy"))
async def publish(request: Request, required_by: Annotated[str, Form(max_length=2000)] = "") -> Response:
    """Publish what the running program says; told 30 days before where it is important, unless a law is named."""
    held = services(request)
    try:
        await publish_version(held, required_by=required_by.strip() or None)
    except Problem as problem:
        if not wants_page(request):
            raise
        async with held.db.control() as tx:
            return await _page(request, tx, problem=problem, required_by=required_by)
    return RedirectResponse("/operator/versions", 303)


async def _page(
    request: Request, tx: Tx, *, problem: Problem | None = None, required_by: str = ""
) -> Response:
    facts = services(request).get(Facts)
    return await console_page(
        request,
        tx,
        "dashboard/operator/versions.html",
        active="versions",
        status_code=problem.status if problem else 200,
        draft=await policy_versions.draft(tx, facts),
        versions=await policy_versions.all_versions(tx),
        waiting=await policy_versions.announced(tx),
        told=await policy_deliveries.told_of_newest(tx),
        reminder=await policy_reminders.newest(tx),
        production=facts.production,
        problem=problem,
        required_by=required_by,
    )
