"""Knowledge: what bots may answer from. Texts and files in, passages to look at, and out again."""

from typing import Annotated
from uuid import UUID

from fastapi import File, Form, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from callmissed import knowledge
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, services, wants_page
from callmissed.foundation.problems import Problem
from callmissed.foundation.tenancy import Access

router = Router(tags=["knowledge"])

PLACE = "/app/knowledge"


@router.get("/app/knowledge", access=permits("knowledge.read"))
async def listed(request: Request, tx: TenantTx, added: UUID | None = None) -> Response:
    """Every source, and the ways to add one."""
    return await _page(request, tx, added=added)


@router.get("/app/knowledge/{source_id}", access=permits("knowledge.read"))
async def shown(request: Request, source_id: UUID, tx: TenantTx) -> Response:
    """One source with its passages, as a bot finds them."""
    return await workspace_page(
        request,
        tx,
        "dashboard/knowledge/source.html",
        active="knowledge",
        source=await knowledge.source(tx, source_id),
        passages=await knowledge.passages_of(tx, source_id),
        may_write=_may_write(tx),
    )


@router.post("/app/knowledge", access=permits("knowledge.write"))
async def add_text(
    request: Request, title: Annotated[str, Form()] = "", text: Annotated[str, Form()] = ""
) -> Response:
    """Keep a pasted text."""
    access: Access = request.state.access
    try:
        async with services(request).db.tenant(access) as tx:
            source = await knowledge.add_text(tx, title, text)
    except Problem as problem:
        return await _refused(request, problem, "text", {"title": title, "text": text})
    return _added(request, source.id)


@router.post("/app/knowledge/files", access=permits("knowledge.write"))
async def add_file(
    request: Request, file: Annotated[UploadFile, File()], title: Annotated[str, Form()] = ""
) -> Response:
    """Keep an uploaded file. It is read before any transaction opens; a file that cannot be read leaves nothing behind."""
    try:
        extracted = await knowledge.extract(await file.read(), file.filename or "", title)
    except Problem as problem:
        return await _refused(request, problem, "file", {"title": title})
    access: Access = request.state.access
    async with services(request).db.tenant(access) as tx:
        source = await knowledge.store(tx, extracted)
    return _added(request, source.id)


@router.post("/app/knowledge/{source_id}/remove", access=permits("knowledge.write"))
async def remove(source_id: UUID, tx: TenantTx) -> Response:
    """Take a source out of the knowledge of every bot."""
    await knowledge.remove_source(tx, source_id)
    return RedirectResponse(PLACE, 303)


def _added(request: Request, source_id: UUID) -> Response:
    place = f"{PLACE}?added={source_id}"
    return RedirectResponse(place, 303) if wants_page(request) else JSONResponse({"place": place})


async def _refused(request: Request, problem: Problem, where: str, typed: dict[str, str]) -> Response:
    """A script gets the problem itself; a form gets its page back with what was typed and what is wrong with it."""
    if not wants_page(request):
        raise problem
    access: Access = request.state.access
    async with services(request).db.tenant(access) as tx:
        reply = await _page(request, tx, where=where, wrong=problem.message, typed=typed)
    reply.status_code = problem.status
    return reply


def _may_write(tx: Tx) -> bool:
    return bool(tx.access and tx.access.may("knowledge.write"))


async def _page(
    request: Request,
    tx: Tx,
    *,
    added: UUID | None = None,
    where: str = "",
    wrong: str = "",
    typed: dict[str, str] | None = None,
) -> Response:
    return await workspace_page(
        request,
        tx,
        "dashboard/knowledge/list.html",
        active="knowledge",
        sources=await knowledge.list_sources(tx),
        added=added,
        where=where,
        wrong=wrong,
        typed=typed or {},
        may_write=_may_write(tx),
    )
