"""The models: which there are, what they can, what they cost in rupees, where they run, and how to ask one."""

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from callmissed.dashboard import shelves
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.http import Router, TenantTx, permits, services
from callmissed.gateway import ModelNotFound, OwnKeys, Upstreams
from callmissed.identity import residency

router = Router(tags=["models"])


@router.get("/app/models", access=permits("usage.read"))
async def shown(request: Request, tx: TenantTx, choice: Annotated[shelves.Choice, Query()]) -> Response:
    """Every model, those first that this workspace can ask; with `model` one is opened. Raises ModelNotFound."""
    held = services(request)
    upstreams = held.get(Upstreams)
    india_only = await residency.is_india_only(tx)
    own = await held.get(OwnKeys).read(tx)
    listings = upstreams.listings(india_only=india_only, own=own)
    opened = next((each for each in listings if each.model.id == choice.model), None)
    if choice.model and opened is None:
        raise ModelNotFound(param="model")
    return await workspace_page(
        request,
        tx,
        "dashboard/models/list.html",
        active="models",
        choice=choice,
        listings=choice.of(listings),
        all=len(listings),
        regions=sorted({region for each in listings for region in each.regions}),
        opened=opened,
        snippet=shelves.snippet(held.base_url, opened.model) if opened else "",
        version=upstreams.version,
        india_only=india_only,
        shelves=shelves,
        may_try=bool(tx.access and tx.access.may("playground.use")),
        may_see_places=bool(tx.access and tx.access.may("privacy.read")),
    )
