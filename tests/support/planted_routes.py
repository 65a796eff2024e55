"""Routes that break a rule of the house each, to see it caught. They stand in no application but a test's."""

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from callmissed.foundation.http import Router, TenantTx, public, services, signed_in
from callmissed.foundation.problems import NotFound
from callmissed.foundation.tenancy import Access

bad = Router()
TOUCH = "UPDATE bot SET tagline = 'touched' WHERE id = :bot"


@bad.get("/planted/by-id/{bot_id}", access=signed_in())
async def fetched_by_id_alone(request: Request, bot_id: str) -> Response:
    """Looks past the tenant."""
    async with services(request).verifier.engine.connect() as connection:
        found = await connection.execute(text("SELECT 1 FROM bot WHERE id = :bot"), {"bot": bot_id})
    return JSONResponse({"found": found.scalar_one()})


@bad.post("/planted/touched/{bot_id}", access=signed_in())
async def changed_before_refusing(request: Request, bot_id: str) -> Response:
    """Says 404 once it is done."""
    async with services(request).verifier.engine.connect() as connection:
        tenant = await connection.execute(text("SELECT tenant_id FROM bot WHERE id = :bot"), {"bot": bot_id})
    async with services(request).db.tenant(Access.system(tenant.scalar_one())) as tx:
        await tx.session.execute(text(TOUCH), {"bot": bot_id})
    raise NotFound


@bad.get("/planted/unknown/{carpet_id}", access=signed_in())
async def names_what_has_no_sample(carpet_id: str) -> Response:
    """Belongs to whom?"""
    return JSONResponse({"carpet": carpet_id})


@bad.post("/widget/planted", access=signed_in())
async def looks_at_cookies_in_the_open(tx: TenantTx) -> Response:
    """Another website may send the owner's cookie here."""
    await tx.session.execute(text("UPDATE bot SET tagline = 'touched'"))
    return JSONResponse({})


@bad.get("/planted/loose", access=public())
async def loosens_the_policy() -> Response:
    """Lets anything in."""
    return HTMLResponse("<!doctype html>", headers={"content-security-policy": "default-src *"})


@bad.get("/planted/misshapen", access=public())
async def answers_in_its_own_words() -> Response:
    """An error in nobody's shape."""
    return JSONResponse({"oops": True}, 400)


@bad.post("/planted/forgets", access=public())
async def forgets_to_ask_who_it_is(request: Request) -> Response:
    """Declared private in the list below, but answers everybody."""
    return JSONResponse({"bytes": len(await request.body())})
