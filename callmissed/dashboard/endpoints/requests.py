"""The request log: every request of the workspace, found by what it was, opened to where its time went, taken along as a file."""

import json
from typing import Annotated
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callmissed import billing
from callmissed.dashboard import request_log
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation import clock
from callmissed.foundation.http import Router, TenantTx, permits
from callmissed.gateway import read_content

router = Router(tags=["usage"])

SHOWN = 50

Chosen = Annotated[request_log.LogChoice, Query()]


@router.get("/app/requests", access=permits("usage.read"))
async def requests(request: Request, tx: TenantTx, choice: Chosen) -> Response:
    """The requests of a choice, newest first; with `request` one is open beside them. Raises UsageNotFound."""
    wanted = choice.filter()
    found = await billing.requests(tx, wanted, SHOWN + 1, choice.before)
    models, keys = await billing.seen(tx, wanted.since, wanted.until)
    return await workspace_page(
        request,
        tx,
        "dashboard/usage/requests.html",
        active="requests",
        **await request_log.shown(tx, choice, found[:SHOWN]),
        wanted=wanted,
        older=found[SHOWN - 1].id if len(found) > SHOWN else None,
        models=models,
        seen_keys=keys,
        spans=request_log.SPANS,
        slow=request_log.SLOW,
        today=clock.today(),
        may_make_keys=bool(tx.access and tx.access.may("keys.write")),
    )


@router.get("/app/requests/newest", access=permits("usage.read"))
async def newest(tx: TenantTx, choice: Chosen) -> Response:
    """The newest request of a choice: how an open page learns, at little cost, whether there is anything new."""
    found = await billing.requests(tx, choice.filter(), 1)
    return JSONResponse({"newest": str(found[0].id) if found else ""}, headers={"cache-control": "no-store"})


@router.get("/app/requests/{usage_id}/content", access=permits("prompts.read"))
async def content(request: Request, usage_id: UUID, tx: TenantTx) -> Response:
    """What a request asked and was answered, where its key has that kept; the audit log says who read it. Raises PromptNotKept."""
    kept = await read_content(tx, usage_id)
    reply = await workspace_page(
        request,
        tx,
        "dashboard/usage/content.html",
        active="requests",
        usage_id=usage_id,
        kept=kept,
        asked=_written(kept.asked),
        answered=_written(kept.answered),
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _written(document: object) -> str:
    """A document as people read it."""
    return document if isinstance(document, str) else json.dumps(document, ensure_ascii=False, indent=2)


@router.get("/app/requests/log.csv", access=permits("usage.read"))
async def download(request: Request, tx: TenantTx, choice: Chosen) -> Response:
    """The choice as a file: the same figures, never what was said."""
    return await request_log.file_of(request, tx, choice)
