"""The playground's page on pictures: have some made, see those that were, save them, erase them."""

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from callmissed.dashboard.endpoints.playground import admitted
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.trying_images import LONGEST_PROMPT, SIZES, Wished, made
from callmissed.foundation.http import Router, TenantTx, permits, services
from callmissed.gateway import OwnKeys, Upstreams, pictures
from callmissed.identity import residency

router = Router(tags=["playground"])

HOME = "/app/playground/images"
SHOWN = 24
"""Pictures on one page of those that were made."""


@router.get(HOME, access=permits("playground.use"))
async def shown(request: Request, tx: TenantTx, model: str = "", before: str = "") -> Response:
    """The page, with the models that make pictures and what was made here; `before` is the last picture of the page before."""
    held = services(request)
    own = await held.get(OwnKeys).read(tx)
    offered = held.get(Upstreams).models(india_only=await residency.is_india_only(tx), own=own)
    kept = await pictures.recent(tx, SHOWN + 1, pictures.id_of(before), tried=True)
    return await workspace_page(
        request,
        tx,
        "dashboard/playground/images.html",
        active="playground",
        makers=sorted(
            (each for each in offered if each.model.kind == "image"), key=lambda each: each.model.id
        ),
        chosen=model,
        sizes=SIZES,
        longest=LONGEST_PROMPT,
        kept=kept[:SHOWN],
        older=kept[SHOWN - 1].name if len(kept) > SHOWN else "",
        base_url=held.base_url,
        may=tx.access.may if tx.access else bool,
    )


@router.post(f"{HOME}/make", access=permits("playground.use"))
async def make(request: Request, wished: Wished) -> JSONResponse:
    """Pictures of words. Raises TooManyRequests."""
    return JSONResponse(await made(request, await admitted(request), wished))


@router.get(f"{HOME}/{{picture_id}}", access=permits("playground.use"))
async def picture(tx: TenantTx, picture_id: str) -> Response:
    """One that was made here. Raises PictureNotFound."""
    found = await pictures.opened(tx, pictures.id_of(picture_id), tried=True)
    return Response(found.content, media_type=found.content_type, headers={"cache-control": "no-store"})


@router.post(f"{HOME}/{{picture_id}}/erase", access=permits("playground.use"))
async def erase(tx: TenantTx, picture_id: str) -> Response:
    """Erase one that was made here. Raises PictureNotFound."""
    await pictures.erase(tx, (await pictures.find(tx, pictures.id_of(picture_id), tried=True)).id)
    return RedirectResponse(f"{HOME}#made", 303)
