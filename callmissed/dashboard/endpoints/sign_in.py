"""The way in and out: an address, a code, and for new people a few questions."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.cookies import forget_session, session_cookie, set_cookie
from callmissed.dashboard.doorway import (
    Asked,
    Sent,
    has_name,
    held,
    language,
    leave_behind,
    let_in,
    network,
    onward,
    path,
    task_page,
    to_console,
    user_agent,
    waiting_cookie,
)
from callmissed.dashboard.own_account import SECURITY, holder
from callmissed.foundation.http import Router, public, services
from callmissed.foundation.mail import Postbox
from callmissed.foundation.problems import Problem, TenantClosed
from callmissed.identity import onboarding, sessions, sign_in, ways_in

router = Router(tags=["sign-in"])

Typed = Annotated[str, Form()]


@router.get("/sign-in", access=public())
async def ask_address(request: Request, wish: Asked = "") -> Response:
    """The first step: an e-mail address. Public: it is the door."""
    reader = services(request).get(sessions.SessionReader)
    who = await reader.who(request)
    if who is not None and who.state != "open":
        return RedirectResponse("/restore" if who.state == "locked" else "/closed", 303)
    if who is not None and who.tenant_id is not None and not to_console(wish):
        barred = await _is_barred(request, reader)
        return RedirectResponse(path(SECURITY, wish) if barred else onward(wish), 303)
    return await _address_page(request, wish)


@router.post("/sign-in", access=public())
async def send_code(request: Request, email: Typed = "", wish: Sent = "") -> Response:
    """Send a code, or lead to the provider of the address's domain. Public: the answer is the same for known and unknown."""
    provider = await ways_in.domains.provider_of(services(request).db, email)
    if provider is not None:
        return RedirectResponse(f"{path('/sign-in/company', wish)}&to={provider}", 303)
    return await _send(request, email, wish)


@router.get("/sign-in/code", access=public())
async def ask_code(request: Request, wish: Asked = "", again: bool = False) -> Response:
    """The second step: the code. Public: shows only what this browser has asked for itself."""
    return await _code_page(request, wish, again=again)


@router.post("/sign-in/again", access=public())
async def send_again(request: Request, wish: Sent = "") -> Response:
    """A new code to the same address; the older one stops working. Public: as the first step."""
    waiting = await _pending(request)
    if waiting is None:
        return RedirectResponse(path("/sign-in", wish), 303)
    return await _send(request, waiting.address, wish, again=True)


@router.post("/sign-in/code", access=public())
async def check_code(request: Request, code: Typed = "", wish: Sent = "") -> Response:
    """Sign in. Public: the code is the proof."""
    async with services(request).db.control() as tx:
        outcome = await sign_in.redeem(tx, held(request), code, network(request), user_agent(request))
        if not isinstance(outcome, Problem):
            await leave_behind(tx, request)
    if isinstance(outcome, Problem):
        return await _code_page(request, wish, problem=outcome)
    return let_in(request, outcome, wish)


@router.get("/welcome", access=public())
async def welcome(request: Request, wish: Asked = "") -> Response:
    """The questions to a new account holder. Public to those who have just signed in and have no workspace yet."""
    who = await holder(request)
    if isinstance(who, Response):
        return who
    if who.tenant_id is not None:
        return RedirectResponse(onward(wish), 303)
    return await _welcome_page(request, wish)


@router.post("/welcome", access=public())
async def found(
    request: Request,
    full_name: Typed = "",
    organisation: Typed = "",
    phone: Typed = "",
    adult: Typed = "",
    wish: Sent = "",
) -> Response:
    """Found the workspace. Public as the questions are."""
    who = await holder(request)
    if isinstance(who, Response):
        return who
    told = onboarding.Introduction(full_name, organisation, phone, adult=adult == "on")
    try:
        async with services(request).db.tenant(onboarding.new_tenant(who.user_id)) as tx:
            await onboarding.found(tx, who.user_id, told)
    except onboarding.AlreadyFounded:
        return RedirectResponse(onward(wish), 303)
    except Problem as problem:
        return await _welcome_page(request, wish, told, problem)
    return RedirectResponse(onward(wish), 303)


@router.post("/sign-out", access=public())
async def leave(request: Request) -> Response:
    """End this browser's session. Public: it ends at most the caller's own."""
    async with services(request).db.control() as tx:
        await sessions.sign_out(tx, request.cookies.get(session_cookie(request), ""))
    reply = RedirectResponse("/", 303)
    forget_session(request, reply)
    return reply


# Pages


async def _address_page(
    request: Request, wish: str, email: str = "", problem: Problem | None = None
) -> Response:
    buttons = services(request).get(ways_in.Providers).buttons()
    return await task_page(
        request,
        "email",
        wish,
        problem,
        email=email,
        providers=buttons,
        passkeys=has_name(request),
    )


async def _code_page(
    request: Request, wish: str, *, problem: Problem | None = None, again: bool = False
) -> Response:
    waiting = await _pending(request)
    if waiting is None and problem is None:
        return RedirectResponse(path("/sign-in", wish), 303)
    outbox = services(request).get(Postbox).keeps_letters
    return await task_page(request, "code", wish, problem, waiting=waiting, outbox=outbox, again=again)


async def _welcome_page(
    request: Request,
    wish: str,
    told: onboarding.Introduction | None = None,
    problem: Problem | None = None,
) -> Response:
    return await task_page(request, "welcome", wish, problem, told=told or onboarding.Introduction("", ""))


# Steps


async def _is_barred(request: Request, reader: sessions.SessionReader) -> bool:
    try:
        return await reader.is_barred(request)
    except TenantClosed:  # the page it leads to says so
        return False


async def _send(request: Request, email: str, wish: str, *, again: bool = False) -> Response:
    try:
        async with services(request).db.control() as tx:
            asked = await sign_in.ask(tx, email, network(request), language(request), held=held(request))
    except Problem as problem:
        if again:
            return await _code_page(request, wish, problem=problem)
        return await _address_page(request, wish, email, problem)
    reply = RedirectResponse(path("/sign-in/code", wish) + ("&again=1" if again else ""), 303)
    set_cookie(request, reply, waiting_cookie(request), asked.token, int(sign_in.VALID.total_seconds()))
    return reply


async def _pending(request: Request) -> sign_in.Pending | None:
    async with services(request).db.control() as tx:
        return await sign_in.pending(tx, request.cookies.get(waiting_cookie(request), ""))
