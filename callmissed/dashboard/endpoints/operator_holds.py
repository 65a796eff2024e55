"""Legal holds in the operator's console: placed on an order, renewed, and released by two people."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.console import console_page, person, staff_permits
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.http import ControlTx, Router, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.identity import staff
from callmissed.privacy import legal_holds

router = Router(tags=["operator"])

HERE = "/operator/holds"
Text = Annotated[str, Form(max_length=400)]


@router.get("/operator/holds", access=staff_permits("operator.holds"))
async def holds(request: Request, tx: ControlTx, new: str = "") -> Response:
    """Every hold, those in force first; with `new` the drawer to place one is open."""
    return await _page(request, tx, new=bool(new))


@router.post("/operator/holds", access=staff_permits("operator.hold"))
async def place(
    request: Request,
    tenant: Text = "",
    person_id: Text = "",
    relation: Text = "",
    from_on: Text = "",
    until_on: Text = "",
    authority: Text = "",
    ordered_by: Text = "",
    reference: Text = "",
    reason: Text = "",
    gagged: Text = "",
    expires_on: Text = "",
) -> Response:
    """Place one. What is wrong stands beside its field, and what was typed stays."""
    typed = {
        "tenant": tenant, "person_id": person_id, "relation": relation, "from_on": from_on, "until_on": until_on,
        "authority": authority, "ordered_by": ordered_by, "reference": reference, "reason": reason, "gagged": gagged,
        "expires_on": expires_on,
    }  # fmt: skip
    wanted = legal_holds.WantedHold(
        _id(tenant), _id(person_id), relation.strip(), _day(from_on), _day(until_on), authority, ordered_by, reference,
        reason, bool(gagged), _day(expires_on),
    )  # fmt: skip
    db = services(request).db
    try:
        async with db.control() as tx:
            await legal_holds.place(tx, person(request), wanted)
    except Problem as problem:
        if not wants_page(request) or problem.status == 404:
            raise
        async with db.control() as tx:
            return await _page(request, tx, new=True, problem=problem, typed=typed)
    return RedirectResponse(HERE, 303)


@router.post("/operator/holds/{hold_id}/renew", access=staff_permits("operator.hold"))
async def renew(request: Request, tx: ControlTx, hold_id: UUID, expires_on: Text = "") -> Response:
    """Give a hold another last day."""
    await legal_holds.renew(tx, person(request), hold_id, _day(expires_on))
    return RedirectResponse(HERE, 303)


@router.post("/operator/holds/{hold_id}/ask", access=staff_permits("operator.hold"))
async def ask(request: Request, tx: ControlTx, hold_id: UUID) -> Response:
    """Ask for a hold's release."""
    await legal_holds.ask_release(tx, person(request), hold_id)
    return RedirectResponse(HERE, 303)


@router.post("/operator/holds/{hold_id}/release", access=staff_permits("operator.hold"))
async def release(request: Request, tx: ControlTx, hold_id: UUID) -> Response:
    """Agree to a release as the second person."""
    await legal_holds.release(tx, person(request), hold_id)
    return RedirectResponse(HERE, 303)


async def _page(
    request: Request,
    tx: Tx,
    *,
    new: bool = False,
    problem: Problem | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    listed = await legal_holds.listed(tx)
    tenants = await staff.tenants(tx)
    return await console_page(
        request,
        tx,
        "dashboard/operator/holds.html",
        active="holds",
        status_code=problem.status if problem else 200,
        standing=[each for each in listed if legal_holds.is_in_force(each)],
        over=[each for each in listed if not legal_holds.is_in_force(each)],
        tenants=tenants,
        names={each.id: each.name for each in tenants},
        handles={each.user_id: each.handle for each in await staff.people(tx)},
        tables=legal_holds.tables(),
        today=clock.today(),
        new=new,
        problem=problem,
        typed=typed or {},
    )


def _id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return (
            UUID(int=0) if text.strip() else None
        )  # neither a workspace nor a person has it; an empty field names none


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
