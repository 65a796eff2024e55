"""The sealed store in the operator's console: that something is there, under which law and until when; never what it is."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.console import console_page, person, staff_permits
from callmissed.foundation.database import Tx
from callmissed.foundation.http import ControlTx, Router, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.identity import staff
from callmissed.privacy import sealed_store

router = Router(tags=["operator"])

HERE = "/operator/sealed"


@router.get("/operator/sealed", access=staff_permits("operator.sealed"))
async def register(request: Request, tx: ControlTx, ask: str = "") -> Response:
    """The register; `ask` is the record whose release is being asked for."""
    return await _page(request, tx, asked=ask)


@router.post("/operator/sealed/{record_id}", access=staff_permits("operator.release"))
async def ask(
    request: Request,
    record_id: UUID,
    ordered_by: Annotated[str, Form(max_length=400)] = "",
    reference: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    """Ask for a record to be handed out."""
    db = services(request).db
    try:
        async with db.control() as tx:
            await sealed_store.ask(tx, person(request), record_id, ordered_by, reference)
    except Problem as problem:
        if not wants_page(request) or problem.status == 404:
            raise
        async with db.control() as tx:
            return await _page(
                request, tx, asked=str(record_id), problem=problem, typed=(ordered_by, reference)
            )
    return RedirectResponse(f"{HERE}#releases", 303)


@router.post("/operator/releases/{release_id}/agree", access=staff_permits("operator.release"))
async def agree(request: Request, tx: ControlTx, release_id: UUID) -> Response:
    """Agree as the second person."""
    await sealed_store.agree(tx, person(request), release_id)
    return RedirectResponse(f"{HERE}#releases", 303)


@router.get("/operator/releases/{release_id}/file", access=staff_permits("operator.release"))
async def file(tx: ControlTx, release_id: UUID) -> Response:
    """The file of a release that was agreed to: ciphertext for two custodians."""
    text = await sealed_store.file_of(tx, release_id)
    headers = {
        "content-disposition": f'attachment; filename="release-{release_id}.json"',
        "cache-control": "no-store",
    }
    return Response(text, media_type="application/json", headers=headers)


async def _page(
    request: Request,
    tx: Tx,
    *,
    asked: str = "",
    problem: Problem | None = None,
    typed: tuple[str, str] = ("", ""),
) -> Response:
    escrow = services(request).get(sealed_store.Escrow)
    lines = await sealed_store.register(tx)
    months = await sealed_store.by_month(tx)
    return await console_page(
        request,
        tx,
        "dashboard/operator/sealed.html",
        active="sealed",
        status_code=problem.status if problem else 200,
        lines=lines,
        asked=next((each for each in lines if str(each.id) == asked), None),
        months=months,
        total=sum(months.values()),
        most=max(months.values(), default=1),
        custodians=sorted(escrow.custodians.people),
        demo=escrow.custodians.demo,
        ready=escrow.ready,
        releases=await sealed_store.releases(tx),
        handles={each.user_id: each.handle for each in await staff.people(tx)},
        problem=problem,
        typed=typed,
    )
