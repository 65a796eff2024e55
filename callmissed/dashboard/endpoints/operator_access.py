"""The operator's console: asking tenants to be let in, breaking the glass, and looking at what was opened."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed import billing, bots, contacts, conversations
from callmissed.dashboard.console import (
    console_page,
    looking,
    person,
    requests_everywhere,
    staff_permits,
    tenant_of,
)
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.http import ControlTx, Router, TenantTx, services, wants_page
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.tenancy import Access
from callmissed.identity import staff

router = Router(tags=["operator"])

DURATIONS = (15, 30, 60, 120, 240, 480)
ROWS = 50


@router.get("/operator/access", access=staff_permits("operator.access"))
async def listed(request: Request, tx: ControlTx, new: str = "") -> Response:
    """Every request and where it stands; with `new` the drawer is open: `ask`, or `glass`."""
    return await _page(request, tx, new)


@router.post("/operator/access", access=staff_permits("operator.ask"))
async def ask(
    request: Request,
    tenant: Annotated[str, Form(max_length=40)] = "",
    scope: Annotated[str, Form(max_length=20)] = "",
    target: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
    minutes: Annotated[int, Form()] = 30,
) -> Response:
    """Ask a tenant to be let in."""
    wanted = staff.Asked(scope, reason, minutes, _id(target), link=_link(request))
    return await _request(request, tenant, wanted, glass=False)


@router.post("/operator/glass", access=staff_permits("operator.glass"))
async def begin(
    request: Request,
    tenant: Annotated[str, Form(max_length=40)] = "",
    scope: Annotated[str, Form(max_length=20)] = "",
    target: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
    authority: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    """Begin to break the glass; a second person has to agree."""
    wanted = staff.Asked(scope, reason, 60, _id(target), authority, _link(request))
    return await _request(request, tenant, wanted, glass=True)


@router.post("/operator/access/{access_id}/second", access=staff_permits("operator.second"))
async def second(request: Request, access_id: UUID) -> Response:
    """Agree as the second person: the glass is broken now, and everybody concerned is told."""
    db = services(request).db
    async with db.tenant(Access.system(await tenant_of(db, access_id))) as tx:
        await staff.second(tx, access_id, person(request), _link(request))
    return RedirectResponse("/operator/access", 303)


@router.post("/operator/access/{access_id}/end", access=staff_permits("operator.access"))
async def end(request: Request, access_id: UUID) -> Response:
    """End one's own look before its time. Raises NotFound for that of somebody else."""
    db, me = services(request).db, person(request)
    tenant_id = await tenant_of(db, access_id)
    async with db.tenant(Access.system(tenant_id)) as tx:
        await staff.leave(tx, access_id, me)
    return RedirectResponse("/operator/access", 303)


@router.get("/operator/access/{access_id}/look", access=looking())
async def look(request: Request, tx: TenantTx) -> Response:
    """What the tenant has opened, and nothing beside it. Every row read stands in its log before this is shown."""
    card: staff.Card = request.state.card
    shown = await _opened(tx, card)
    async with services(request).db.control() as control:
        names = {each.id: each.name for each in await staff.tenants(control)}
        return await console_page(
            request,
            control,
            "dashboard/operator/look.html",
            active="access",
            card=card,
            firm=names.get(card.tenant_id, ""),
            now=clock.now(),
            **shown,
        )


async def _opened(tx: Tx, card: staff.Card) -> dict[str, Any]:
    if card.scope == "conversation" and card.target_id:
        thread = await conversations.thread(tx, card.target_id)
        contact = await contacts.card(tx, thread.contact_id)
        return {"thread": thread, "contact": contact, "bot": await bots.bot_by_id(tx, thread.bot_id)}
    if card.scope == "bots":
        return {"bots": await bots.list_bots(tx)}
    if card.scope == "usage":
        report = await billing.usage_report(tx, billing.UsageFilter(*billing.usage_span(30)), ROWS)
        tx.shown("usage_record", [row.id for row in report.rows])
        return {"report": report}
    told = await billing.statement(tx, ROWS)
    tx.shown("ledger_entry", [line.ref for line in told.lines if line.ref])
    return {"told": told}


async def _request(request: Request, tenant: str, wanted: staff.Asked, *, glass: bool) -> Response:
    db, me = services(request).db, person(request)
    try:
        async with db.control() as tx:
            known = {each.id for each in await staff.tenants(tx)}
        tenant_id = _id(tenant)
        if tenant_id is None or tenant_id not in known:
            raise NotFound
        async with db.tenant(Access.system(tenant_id)) as tx:
            await (staff.begin if glass else staff.ask)(tx, me, wanted)
    except Problem as problem:
        if problem.status != 422 or not wants_page(request):
            raise
        async with db.control() as tx:
            return await _page(request, tx, "glass" if glass else "ask", problem, tenant, wanted)
    return RedirectResponse("/operator/access", 303)


async def _page(
    request: Request,
    tx: Tx,
    new: str,
    problem: Problem | None = None,
    tenant: str = "",
    wanted: staff.Asked | None = None,
) -> Response:
    tenants = await staff.tenants(tx)
    me = next(each for each in await staff.people(tx) if each.user_id == person(request))
    return await console_page(
        request,
        tx,
        "dashboard/operator/access.html",
        active="access",
        status_code=problem.status if problem else 200,
        cards=await requests_everywhere(services(request).db),
        tenants=tenants,
        names={each.id: each.name for each in tenants},
        scopes=staff.STAFF_ROLES[me.role].scopes,
        durations=DURATIONS,
        new=new,
        problem=problem,
        tenant=tenant,
        wanted=wanted or staff.Asked("", "", 30),
        now=clock.now(),
    )


def _id(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _link(request: Request) -> str:
    return f"{services(request).base_url}/app/staff-access"
