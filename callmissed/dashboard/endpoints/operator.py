"""The operator's console: how the installation stands, who works for it, and what they have signed."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.console import (
    console_page,
    on_the_staff,
    person,
    requests_everywhere,
    staff_permits,
)
from callmissed.foundation.database import Tx
from callmissed.foundation.http import ControlTx, Router, services, wants_page
from callmissed.foundation.pages import reader_language
from callmissed.foundation.problems import Problem
from callmissed.gateway import supplier_reports
from callmissed.identity import staff
from callmissed.privacy import tally
from callmissed.site import PublicRecord

router = Router(tags=["operator"])

NEWEST = 50


@router.get("/operator", access=staff_permits("operator.home"))
async def overview(request: Request, tx: ControlTx) -> Response:
    """The verdicts, what waits for an answer or is open, and the tenants by name."""
    may = request.state.access.may
    policy = await services(request).get(PublicRecord).policy()
    cards = await requests_everywhere(services(request).db) if may("operator.access") else []
    tenants = await staff.tenants(tx)
    return await console_page(
        request,
        tx,
        "dashboard/operator/overview.html",
        active="overview",
        tally=await tally(tx),
        verdicts=[each.verdict for section in policy.sections for each in section.promises],
        checked_at=policy.checked_at,
        live=[card for card in cards if card.state in {"waiting", "open"}],
        tenants=tenants[:NEWEST] if may("operator.tenants") else None,
        tenant_count=len(tenants),
        names={each.id: each.name for each in tenants},
        people=await staff.people(tx) if may("operator.staff") else None,
    )


@router.get("/operator/staff", access=staff_permits("operator.staff"))
async def members(request: Request, tx: ControlTx) -> Response:
    """Everybody on the staff, what they have signed, and what each role may."""
    return await console_page(
        request,
        tx,
        "dashboard/operator/staff.html",
        active="staff",
        people=await staff.people(tx),
        roles=staff.STAFF_ROLES,
        version=staff.text_in("en").version,
    )


@router.get("/operator/suppliers", access=staff_permits("operator.payments"))
async def suppliers(request: Request, tx: ControlTx) -> Response:
    """What suppliers say they counted, where it is not what was metered."""
    return await console_page(
        request,
        tx,
        "dashboard/operator/suppliers.html",
        active="suppliers",
        states=await supplier_reports.states(tx),
        differences=await supplier_reports.differences(tx),
    )


@router.get("/operator/policy", access=staff_permits("operator.promises"))
async def verdicts(request: Request, tx: ControlTx) -> Response:
    """Every promise with its verdict, since when, and its year."""
    policy = await services(request).get(PublicRecord).policy()
    return await console_page(
        request, tx, "dashboard/operator/policy.html", active="policy", policy=policy, tally=await tally(tx)
    )


@router.get("/operator/undertaking", access=on_the_staff())
async def undertaking(request: Request, tx: ControlTx) -> Response:
    """The undertaking in the reader's language, to be signed or as it was signed."""
    return await _undertaking_page(request, tx)


@router.post("/operator/undertaking", access=on_the_staff())
async def sign(
    request: Request,
    name: Annotated[str, Form(max_length=200)] = "",
    version: Annotated[int, Form()] = 0,
    language: Annotated[str, Form(max_length=16)] = "en",
) -> Response:
    """Sign by typing one's name; the role works from then on."""
    db = services(request).db
    try:
        async with db.control() as tx:
            await staff.sign(tx, person(request), name, version, language)
    except Problem as problem:
        if not wants_page(request):
            raise
        async with db.control() as tx:
            return await _undertaking_page(request, tx, problem=problem, name=name)
    return RedirectResponse("/operator", 303)


async def _undertaking_page(
    request: Request, tx: Tx, *, problem: Problem | None = None, name: str = ""
) -> Response:
    return await console_page(
        request,
        tx,
        "dashboard/operator/undertaking.html",
        active="undertaking",
        status_code=problem.status if problem else 200,
        text=staff.text_in(reader_language(request)),
        problem=problem,
        name=name,
    )
