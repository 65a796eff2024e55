"""The playground: ask one model or two beside one another, see what each costs, take the code along. Nothing of it is kept."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callmissed.bots import list_bots
from callmissed.dashboard import shelves
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.trying import Answering, Tried
from callmissed.dashboard.trying_search import LONGEST_QUERY, MOST_RESULTS, Looked, Searching
from callmissed.dashboard.trying_speech import LONGEST_TEXT, Said, Speaking, languages
from callmissed.foundation.http import Router, TenantTx, current_access, permits, services
from callmissed.foundation.problems import TooManyRequests
from callmissed.gateway import Caller, LocalLimiter, OwnKeys, Upstreams
from callmissed.identity import residency

router = Router(tags=["playground"])

PER_MINUTE = 60
"""Answers a minute for each person, in this process. Two models asked at once are two."""
PACE = LocalLimiter()


@router.get("/app/playground", access=permits("playground.use"))
async def shown(request: Request, tx: TenantTx, model: str = "") -> Response:
    """The page, with the models that this workspace can ask; `model` is chosen first where it is one of them."""
    held = services(request)
    own = await held.get(OwnKeys).read(tx)
    offered = held.get(Upstreams).models(india_only=await residency.is_india_only(tx), own=own)
    listings = [each for each in offered if each.model.kind == "chat"]
    listings.sort(key=lambda each: each.model.id)
    ids = [each.model.id for each in listings]
    return await workspace_page(
        request,
        tx,
        "dashboard/playground/playground.html",
        active="playground",
        listings=listings,
        bots=await list_bots(tx),
        first=model if model in ids else ids[0] if ids else "",
        base_url=held.base_url,
        place=shelves.place,
        may=tx.access.may if tx.access else bool,
    )


@router.get("/app/playground/speech", access=permits("playground.use"))
async def speech(request: Request, tx: TenantTx, model: str = "") -> Response:
    """The page on which models speak and hear; `model` is chosen first where it is one of them."""
    held = services(request)
    offered = held.get(Upstreams).models(india_only=await residency.is_india_only(tx))
    listings = sorted(offered, key=lambda each: each.model.id)
    return await workspace_page(
        request,
        tx,
        "dashboard/playground/speech.html",
        active="playground",
        voices=[each for each in listings if each.model.kind == "speech"],
        ears=[each for each in listings if each.model.kind == "transcription"],
        chosen=model,
        tongues=languages(),
        longest=LONGEST_TEXT,
        base_url=held.base_url,
        may=tx.access.may if tx.access else bool,
    )


@router.post("/app/playground/speech/say", access=permits("playground.use"))
async def say(request: Request, said: Said) -> JSONResponse:
    """A text as sound. Raises TooManyRequests."""
    return JSONResponse(await Speaking(request, await admitted(request)).say(said))


@router.post("/app/playground/speech/hear", access=permits("playground.use"))
async def hear(request: Request) -> JSONResponse:
    """The words of a recording, sent as a form. Raises TooManyRequests."""
    speaking = Speaking(request, await admitted(request))
    return JSONResponse(await speaking.hear(request.headers.get("content-type", ""), await request.body()))


@router.get("/app/playground/search", access=permits("playground.use"))
async def search(request: Request, tx: TenantTx, model: str = "") -> Response:
    """The page on which one searches; `model` is chosen first where it is one of those that this workspace can ask."""
    held = services(request)
    own = await held.get(OwnKeys).read(tx)
    offered = held.get(Upstreams).models(india_only=await residency.is_india_only(tx), own=own)
    return await workspace_page(
        request,
        tx,
        "dashboard/playground/search.html",
        active="playground",
        searches=[each for each in offered if each.model.kind == "search"],
        chosen=model,
        longest=LONGEST_QUERY,
        most=MOST_RESULTS,
        base_url=held.base_url,
        place=shelves.place,
        may=tx.access.may if tx.access else bool,
    )


@router.post("/app/playground/search/look", access=permits("playground.use"))
async def look(request: Request, looked: Looked) -> JSONResponse:
    """What a search finds. Raises TooManyRequests."""
    return JSONResponse(await Searching(request, await admitted(request)).look(looked))


@router.post("/app/playground/answer", access=permits("playground.use"))
async def answer(request: Request, tried: Tried) -> Response:
    """One answer of one model, as events (see `trying`). Raises TooManyRequests."""
    return Answering(request, tried, await admitted(request))


async def admitted(request: Request) -> Caller:
    """Whom an answer is for, once this person may ask again. Raises TooManyRequests."""
    arrived, held, access = time.perf_counter(), services(request), current_access(request)
    window = await PACE.request(access.actor.id or access.tenant_id, PER_MINUTE)
    if window.wait:
        raise TooManyRequests(retry_after=window.wait)
    async with held.db.tenant(access) as tx:  # over before anybody is asked
        india_only = await residency.is_india_only(tx)
        return Caller(arrived=arrived, india_only=india_only, own=await held.get(OwnKeys).read(tx))
