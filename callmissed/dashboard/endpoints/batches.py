"""Batches: how far each is, and its files for those who could fetch them with a key of their own."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from callmissed.dashboard import request_log
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.http import Router, TenantTx, permits, services
from callmissed.gateway import batch_files, batch_runs, file_name

router = Router(tags=["usage"])

SHOWN = 50


@router.get("/app/batches", access=permits("usage.read"))
async def shown(request: Request, tx: TenantTx, before: UUID | None = None) -> Response:
    """The workspace's batches, newest first; `before` turns to older ones."""
    found = await batch_runs.recent(tx, SHOWN + 1, before)
    return await workspace_page(
        request,
        tx,
        "dashboard/batches/list.html",
        active="requests",
        rows=found[:SHOWN],
        before=before,
        older=found[SHOWN - 1].id if len(found) > SHOWN else None,
        keys=(await request_log.names(tx)).keys,
        file_name=file_name,
        may_fetch=bool(tx.access and tx.access.may("keys.write")),
    )


@router.get("/app/batches/files/{file_id}", access=permits("keys.write"))
async def download(request: Request, tx: TenantTx, file_id: str) -> Response:
    """A file as it is. It holds what was said, so it is for those who could make a key for it. Raises FileNotFound."""
    found = await batch_files.find_called(tx, file_id)
    headers = {
        "content-disposition": f'attachment; filename="{file_name(found.id)}.jsonl"',
        "cache-control": "no-store",
    }
    content = batch_files.parts(services(request), request.state.access, found.id)
    return StreamingResponse(content, media_type="application/x-ndjson", headers=headers)
