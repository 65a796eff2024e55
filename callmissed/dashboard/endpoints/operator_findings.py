"""Findings of the lint in the operator's console: where policy and law do not agree, and who answers for each."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.console import console_page, person, staff_permits
from callmissed.foundation.database import Tx
from callmissed.foundation.http import ControlTx, Router, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.privacy import Facts, policy_findings

router = Router(tags=["operator"])


@router.get("/operator/findings", access=staff_permits("operator.promises"))
async def findings(request: Request, tx: ControlTx) -> Response:
    """Every finding: open ones, accepted ones, and those that come with law already known."""
    return await _page(request, tx)


@router.post("/operator/findings/{finding}", access=staff_permits("operator.policy"))
async def accept(
    request: Request,
    finding: str,
    name: Annotated[str, Form(max_length=400)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
    digest: Annotated[str, Form(max_length=16)] = "",
) -> Response:
    """Answer for one finding by typing one's name and a reason; for the finding as it was read."""
    held = services(request)
    try:
        async with held.db.control() as tx:
            await policy_findings.accept(
                tx, held.get(Facts), finding, name=name, reason=reason, digest=digest, person=person(request)
            )
    except Problem as problem:
        if not wants_page(request) or problem.status == 404:
            raise
        async with held.db.control() as tx:
            return await _page(request, tx, problem=problem, tried=(finding, name, reason))
    return RedirectResponse(f"/operator/findings#{finding}", 303)


async def _page(
    request: Request, tx: Tx, *, problem: Problem | None = None, tried: tuple[str, str, str] = ("", "", "")
) -> Response:
    listed = await policy_findings.standing(tx, policy_findings.found_here(services(request).get(Facts)))
    return await console_page(
        request,
        tx,
        "dashboard/operator/findings.html",
        active="findings",
        status_code=problem.status if problem else 200,
        opened=[each for each in listed if each.is_open],
        accepted=[each for each in listed if each.finding.in_force and each.accepted],
        coming=[each for each in listed if not each.finding.in_force],
        problem=problem,
        tried=dict(zip(("finding", "name", "reason"), tried, strict=True)),
    )
