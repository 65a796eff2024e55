"""Data in India: where content may go, who decides it, who may process it, and what has left."""

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed import billing
from callmissed.dashboard import sheets, shelves
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.gateway import Own, OwnKeys, Terms, Upstreams
from callmissed.identity import residency

router = Router(tags=["privacy"])

HOME = "/app/transfers"
SHOWN = 50
AT_ONCE = 1000
COLUMNS = (
    "time_ist", "request_id", "model", "sent_to", "regions", "answered_by", "answered_in", "tokens_in", "tokens_out",
    "status", "problem", "india_only_then",
)  # fmt: skip

Typed = Annotated[str, Form()]


@router.get(HOME, access=permits("privacy.read"))
async def shown(request: Request, tx: TenantTx, before: UUID | None = None, saved: bool = False) -> Response:
    """The decision, the places, and the transfer log, newest first; `before` turns to older ones."""
    return await _page(request, tx, before=before, saved=saved)


@router.post(HOME, access=permits("residency.write", fresh=True))
async def decide(request: Request, tx: TenantTx, leave: Typed = "", agreed: Typed = "") -> Response:
    """Keep content in India, or let it leave after having read where to. Raises AgreementMissing."""
    try:
        if leave == "on":
            own = await services(request).get(OwnKeys).read(tx)
            told = {f"{each.name} ({each.region})" for each in _abroad(request, own)}
            await residency.let_leave_india(tx, agreed=agreed == "on", told=told)
        else:
            await residency.keep_in_india(tx)
    except Problem as problem:
        if not wants_page(request):
            raise
        return await _page(request, tx, problem=problem)
    return RedirectResponse(f"{HOME}?saved=1", 303)


@router.get(f"{HOME}/log.csv", access=permits("privacy.read"))
async def download(request: Request) -> Response:
    """The whole transfer log as a file, newest first."""

    async def lines() -> AsyncGenerator[str]:
        yield sheets.MARK + sheets.row(COLUMNS)
        last: UUID | None = None
        while True:
            async with services(request).db.tenant(request.state.access) as part:
                rows = await billing.transfers(part, AT_ONCE, last)
            for row in rows:
                yield _line(row)
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].id

    return sheets.sheet("left-india", lines())


def _line(row: billing.Used) -> str:
    names, regions = (", ".join(each) for each in zip(*row.abroad, strict=True))
    return sheets.row(
        (sheets.ist(row.at), str(row.id), row.model, names, regions, row.upstream, row.region, row.tokens_in,
         row.tokens_out, row.status, row.problem, "yes" if row.india_only else "no")
    )  # fmt: skip


def _abroad(request: Request, own: Own) -> list[Terms]:
    """Who outside India could receive content here."""
    return [each for each in services(request).get(Upstreams).suppliers(own) if not each.in_india]


async def _page(
    request: Request,
    tx: Tx,
    *,
    before: UUID | None = None,
    saved: bool = False,
    problem: Problem | None = None,
) -> Response:
    upstreams, own = services(request).get(Upstreams), await services(request).get(OwnKeys).read(tx)
    rows = await billing.transfers(tx, SHOWN + 1, before)
    may = tx.access.may if tx.access else bool
    return await workspace_page(
        request,
        tx,
        "dashboard/transfers/transfers.html",
        active="transfers",
        status_code=problem.status if problem else 200,
        problem=problem,
        saved=saved,
        india_only=await residency.is_india_only(tx),
        keeps_india=upstreams.keeps_india,
        suppliers=upstreams.suppliers(own),
        abroad=_abroad(request, own),
        rows=rows[:SHOWN],
        before=before,
        older=rows[SHOWN - 1].id if len(rows) > SHOWN else None,
        place=shelves.place,
        may_decide=may("residency.write"),
        may_see_usage=may("usage.read"),
    )
