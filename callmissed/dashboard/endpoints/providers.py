"""Going to an identity provider and coming back. The network is asked between two transactions, never inside one."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.doorway import (
    Asked,
    browser_of,
    keep_browser,
    language,
    leave_behind,
    let_in,
    network,
    onward,
    path,
    refuse_foreign_start,
    set_cookie,
    step_cookie,
    task_page,
    user_agent,
    waiting_cookie,
)
from callmissed.dashboard.own_account import SECURITY, own_account, who_is_fresh
from callmissed.foundation.http import Router, public, services
from callmissed.foundation.problems import Problem
from callmissed.identity import sign_in, ways_in

router = Router(tags=["sign-in"])


@router.get("/sign-in/company", access=public())
async def company(request: Request, to: str = "", wish: Asked = "") -> Response:
    """Says that an address's domain signs in elsewhere, with a link there. Public: it tells of the domain alone."""
    title = services(request).get(ways_in.Providers).provider(to).settings.title
    return await task_page(request, "company", wish, to=to, title=title)


@router.get("/sign-in/with/{name}", access=public())
async def go(request: Request, name: str, wish: Asked = "") -> Response:
    """Go to a provider to sign in. Public: it is a door. Raises CrossSite, ProviderUnknown."""
    return await _set_out(request, name, onward_to=onward(wish))


@router.get("/app/account/security/link/{name}", access=own_account())
async def go_and_link(request: Request, name: str) -> Response:
    """Go to a provider to link it to the own account. Raises CrossSite, ProviderUnknown."""
    who = await who_is_fresh(request)
    return await _set_out(request, name, onward_to=SECURITY, linker=who)


@router.get("/sign-in/with/{name}/back", access=public())
async def back(
    request: Request, name: str, state: str = "", code: str = "", iss: str | None = None, error: str = ""
) -> Response:
    """Come back from a provider. Public: the answer fits the trip this browser set out on, or nothing happens."""
    browser, wish = request.cookies.get(step_cookie(request), ""), ""
    try:
        async with services(request).db.control() as tx:
            found = await ways_in.providers.come_back(tx, name, browser, state, _back_to(request, name))
        if isinstance(found, Problem):
            return await task_page(request, "refused", wish, found)
        asked, trip = found
        wish = asked.onward
        claims = await services(request).get(ways_in.Providers).bring_back(name, trip, code, iss, error)
        return await _arrive(request, name, asked, claims)
    except Problem as problem:
        return await task_page(request, "refused", wish, problem)


async def _set_out(request: Request, name: str, *, onward_to: str, linker: UUID | None = None) -> Response:
    refuse_foreign_start(request)
    provider, browser = services(request).get(ways_in.Providers).provider(name), browser_of(request)
    async with services(request).db.control() as tx:
        trip = await ways_in.providers.set_out(
            tx, name, browser, _back_to(request, name), onward=onward_to, user_id=linker
        )
    try:
        reply = RedirectResponse(await provider.address(trip), 303)
    except Problem as problem:
        return await task_page(request, "refused", onward_to, problem)
    reply.headers["Referrer-Policy"] = "no-referrer"
    keep_browser(request, reply, browser)
    return reply


async def _arrive(
    request: Request, name: str, asked: ways_in.ceremonies.Asked, claims: ways_in.Claims
) -> Response:
    """Link, let in, or send the code that proves the address of somebody new."""
    async with services(request).db.control() as tx:
        if asked.user_id is not None:
            refused = await ways_in.providers.link(tx, asked.user_id, name, claims)
            if refused is not None:
                return await task_page(request, "refused", asked.onward, refused)
            return RedirectResponse(SECURITY, 303)
        outcome = await ways_in.providers.arrive(
            tx,
            name,
            claims,
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


def _back_to(request: Request, name: str) -> str:
    """The exact address a provider sends browsers back to; one for each provider (RFC 9700 §4.4.2)."""
    return f"{services(request).base_url}/sign-in/with/{name}/back"
