"""Going to an identity provider and coming back. The network is asked between two transactions, never inside one."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.cookies import set_cookie
from callmissed.dashboard.doorway import (
    Asked,
    browser_of,
    held,
    keep_browser,
    language,
    leave_behind,
    let_in,
    network,
    onward,
    path,
    refuse_foreign_start,
    step_cookie,
    task_page,
    user_agent,
    waiting_cookie,
)
from callmissed.dashboard.own_account import SECURITY, own_account
from callmissed.foundation.http import Router, current_access, public, services
from callmissed.foundation.problems import Problem, Unauthenticated
from callmissed.identity import sessions, sign_in, ways_in

router = Router(tags=["sign-in"])


@router.get("/sign-in/company", access=public())
async def company(request: Request, to: str = "", wish: Asked = "") -> Response:
    """Says that an address's domain signs in elsewhere, with a link there. Public: it tells of the domain alone."""
    title = services(request).get(ways_in.Providers).provider(to).settings.title
    return await task_page(request, "company", wish, to=to, title=title)


@router.get("/sign-in/with/{provider}", access=public())
async def go(request: Request, provider: str, wish: Asked = "") -> Response:
    """Go to a provider to sign in. Public: it is a door. Raises CrossSite, ProviderUnknown."""
    return await _set_out(request, provider, onward_to=onward(wish))


@router.get("/app/account/security/link/{provider}", access=own_account(fresh=True))
async def go_and_link(request: Request, provider: str) -> Response:
    """Go to a provider to link it to the own account. Raises CrossSite, ProviderUnknown."""
    return await _set_out(request, provider, onward_to=SECURITY, linker=current_access(request).actor.id)


@router.get("/sign-in/with/{provider}/back", access=public())
async def back(
    request: Request, provider: str, state: str = "", code: str = "", iss: str | None = None, error: str = ""
) -> Response:
    """Come back from a provider. Public: the answer fits the trip this browser set out on, or nothing happens."""
    browser = request.cookies.get(step_cookie(request), "")
    async with services(request).db.control() as tx:
        found = await ways_in.providers.come_back(tx, provider, browser, state, _back_to(request, provider))
    if isinstance(found, Problem):
        return await task_page(request, "refused", "", found)
    asked, trip = found
    try:
        claims = await services(request).get(ways_in.Providers).bring_back(provider, trip, code, iss, error)
        return await _arrive(request, provider, asked, claims)
    except Problem as problem:
        return await task_page(request, "refused", asked.onward, problem)


async def _set_out(
    request: Request, provider: str, *, onward_to: str, linker: UUID | None = None
) -> Response:
    refuse_foreign_start(request)
    known, browser = services(request).get(ways_in.Providers).provider(provider), browser_of(request)
    async with services(request).db.control() as tx:
        trip = await ways_in.providers.set_out(
            tx,
            provider,
            browser,
            _back_to(request, provider),
            network=network(request),
            onward=onward_to,
            user_id=linker,
        )
    try:
        reply = RedirectResponse(await known.address(trip), 303)
    except Problem as problem:
        return await task_page(request, "refused", onward_to, problem)
    reply.headers["Referrer-Policy"] = "no-referrer"
    keep_browser(request, reply, browser)
    return reply


async def _arrive(
    request: Request, provider: str, asked: ways_in.ceremonies.Asked, claims: ways_in.Claims
) -> Response:
    """Link, let in, or send the code that proves the address of somebody new. Raises IdentityTaken, and what arriving raises."""
    if asked.user_id is not None:
        return await _link(request, provider, asked.user_id, claims)
    async with services(request).db.control() as tx:
        outcome = await ways_in.providers.arrive(
            tx,
            provider,
            claims,
            held=held(request),
            network=network(request),
            language=language(request),
            user_agent=user_agent(request),
        )
        if not isinstance(outcome, sign_in.Asked):
            await leave_behind(tx, request)
    if isinstance(outcome, sign_in.Asked):
        reply = RedirectResponse(path("/sign-in/code", asked.onward), 303)
        seconds = int(sign_in.VALID.total_seconds())
        set_cookie(request, reply, waiting_cookie(request), outcome.token, seconds)
        return reply
    return let_in(request, outcome, asked.onward)


async def _link(request: Request, provider: str, user_id: UUID, claims: ways_in.Claims) -> Response:
    """Link to the account it was asked for, as whoever is still signed in to it. Raises Unauthenticated, IdentityTaken."""
    access = await services(request).get(sessions.SessionReader).own_account(request)
    if access is None or access.actor.id != user_id:
        raise Unauthenticated
    async with services(request).db.tenant(access) as tx:
        refused = await ways_in.providers.link(tx, user_id, provider, claims)
    if refused is not None:
        raise refused
    return RedirectResponse(SECURITY, 303)


def _back_to(request: Request, provider: str) -> str:
    """The exact address a provider sends browsers back to; one for each provider (RFC 9700 §4.4.2)."""
    return f"{services(request).base_url}/sign-in/with/{provider}/back"
