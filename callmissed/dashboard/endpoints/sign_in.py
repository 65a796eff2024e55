"""The way in and out: an address, a code, and for new people a few questions."""

import re
from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.foundation import i18n
from callmissed.foundation.http import Router, public, services, wants_page
from callmissed.foundation.mail import Postbox
from callmissed.foundation.pages import render
from callmissed.foundation.problems import Problem
from callmissed.identity import onboarding, sessions, sign_in
from callmissed.site import Promised, PublicRecord

router = Router(tags=["sign-in"])

HOME = "/app"
ONWARD = re.compile(r"/(?:app|operator)(?:[/?][!-\[\]-~]*)?")
"""Where sign-in may lead: pages of the workspace, and of the operator's console. No host, no backslash, no control character fits in here."""

BESIDE = "safe.hashed-secrets"
"""The promise shown beside the sign-in."""

Typed = Annotated[str, Form()]


def onward(wish: str) -> str:
    """The page to go to after signing in: the one wished for when it is one of ours, else the workspace."""
    return wish if ONWARD.fullmatch(wish) else HOME


@router.get("/sign-in", access=public())
async def ask_address(request: Request, next: str = "") -> Response:  # noqa: A002 - the name of the parameter in links
    """The first step: an e-mail address. Public: it is the door."""
    who = await services(request).get(sessions.SessionReader).who(request)
    if who is not None and who.state != "open":
        return RedirectResponse("/restore" if who.state == "locked" else "/closed", 303)
    if who is not None and who.tenant_id is not None and not _to_console(next):
        return RedirectResponse(onward(next), 303)
    return await _address_page(request, next)


@router.post("/sign-in", access=public())
async def send_code(request: Request, email: Typed = "", next: Typed = "") -> Response:  # noqa: A002 - as above
    """Send a code. Public: the answer is the same for every address, known or not."""
    return await _send(request, email, next)


@router.get("/sign-in/code", access=public())
async def ask_code(request: Request, next: str = "", again: bool = False) -> Response:  # noqa: A002 - as above
    """The second step: the code. Public: shows only what this browser has asked for itself."""
    return await _code_page(request, next, again=again)


@router.post("/sign-in/again", access=public())
async def send_again(request: Request, next: Typed = "") -> Response:  # noqa: A002 - as above
    """A new code to the same address; the older one stops working. Public: as the first step."""
    waiting = await _pending(request)
    if waiting is None:
        return RedirectResponse(_path("/sign-in", next), 303)
    return await _send(request, waiting.address, next, again=True)


@router.post("/sign-in/code", access=public())
async def check_code(request: Request, code: Typed = "", next: Typed = "") -> Response:  # noqa: A002 - as above
    """Sign in. Public: the code is the proof."""
    held = services(request)
    token = request.cookies.get(_waiting_cookie(request), "")
    async with held.db.control() as tx:
        outcome = await sign_in.redeem(
            tx, token, code, _network(request), request.headers.get("user-agent", "")
        )
        if isinstance(outcome, sign_in.SignedIn):
            # A browser that was signed in before is somebody else from now on.
            await sessions.sign_out(tx, request.cookies.get(_session_cookie(request), ""))
    if isinstance(outcome, Problem):
        return await _code_page(request, next, problem=outcome)
    # Whoever is invited somewhere, or works for the operator, need not found a workspace of their own first.
    has_place = (
        outcome.tenant_id is not None or onward(next).startswith("/app/invitation/") or _to_console(next)
    )
    reply = RedirectResponse(onward(next) if has_place else _path("/welcome", next), 303)
    _set_cookie(
        request, reply, _session_cookie(request), outcome.token, int(sessions.ABSOLUTE.total_seconds())
    )
    _clear_cookie(request, reply, _waiting_cookie(request))
    return reply


@router.get("/welcome", access=public())
async def welcome(request: Request, next: str = "") -> Response:  # noqa: A002 - as above
    """The questions to a new account holder. Public to those who have just signed in and have no workspace yet."""
    who = await services(request).get(sessions.SessionReader).who(request)
    if who is None:
        return RedirectResponse("/sign-in", 303)
    if who.tenant_id is not None:
        return RedirectResponse(onward(next), 303)
    return await _welcome_page(request, next)


@router.post("/welcome", access=public())
async def found(
    request: Request,
    full_name: Typed = "",
    organisation: Typed = "",
    phone: Typed = "",
    adult: Typed = "",
    next: Typed = "",  # noqa: A002 - as above
) -> Response:
    """Found the workspace. Public as the questions are."""
    held = services(request)
    who = await held.get(sessions.SessionReader).who(request)
    if who is None:
        return RedirectResponse("/sign-in", 303)
    told = onboarding.Introduction(full_name, organisation, phone, adult=adult == "on")
    try:
        async with held.db.tenant(onboarding.new_tenant(who.user_id)) as tx:
            await onboarding.found(tx, who.user_id, told)
    except onboarding.AlreadyFounded:
        return RedirectResponse(onward(next), 303)
    except Problem as problem:
        return await _welcome_page(request, next, told, problem)
    return RedirectResponse(onward(next), 303)


@router.post("/sign-out", access=public())
async def leave(request: Request) -> Response:
    """End this browser's session. Public: it ends at most the caller's own."""
    async with services(request).db.control() as tx:
        await sessions.sign_out(tx, request.cookies.get(_session_cookie(request), ""))
    reply = RedirectResponse("/", 303)
    _clear_cookie(request, reply, _session_cookie(request))
    return reply


# Pages


async def _address_page(
    request: Request, wish: str, email: str = "", problem: Problem | None = None
) -> Response:
    return await _page(request, "email", wish, problem, email=email)


async def _code_page(
    request: Request, wish: str, *, problem: Problem | None = None, again: bool = False
) -> Response:
    waiting = await _pending(request)
    if waiting is None and problem is None:
        return RedirectResponse(_path("/sign-in", wish), 303)
    outbox = services(request).get(Postbox).keeps_letters
    return await _page(request, "code", wish, problem, waiting=waiting, outbox=outbox, again=again)


async def _welcome_page(
    request: Request,
    wish: str,
    told: onboarding.Introduction | None = None,
    problem: Problem | None = None,
) -> Response:
    return await _page(request, "welcome", wish, problem, told=told or onboarding.Introduction("", ""))


async def _page(
    request: Request, name: str, wish: str, problem: Problem | None, **context: object
) -> Response:
    """One step, with what went wrong in the last one; a program gets the problem itself."""
    if problem is not None and not wants_page(request):
        raise problem
    reply = render(
        request,
        f"dashboard/sign_in/{name}.html",
        status_code=problem.status if problem else 200,
        next=onward(wish),
        problem=problem,
        promise=await beside(request),
        **context,
    )
    reply.headers["Cache-Control"] = "no-store"
    if problem is not None and problem.retry_after is not None:
        reply.headers["Retry-After"] = str(problem.retry_after)
    return reply


async def beside(request: Request) -> Promised | None:
    """The promise shown beside the task; nothing where the wiring offers no record of them."""
    try:
        record = services(request).get(PublicRecord)
    except KeyError:
        return None
    policy = await record.policy()
    every = (promise for section in policy.sections for promise in section.promises)
    return next((promise for promise in every if promise.id == BESIDE), None)


# Steps


async def _send(request: Request, email: str, wish: str, *, again: bool = False) -> Response:
    try:
        async with services(request).db.control() as tx:
            asked = await sign_in.ask(tx, email, _network(request), _language(request))
    except Problem as problem:
        if again:
            return await _code_page(request, wish, problem=problem)
        return await _address_page(request, wish, email, problem)
    reply = RedirectResponse(_path("/sign-in/code", wish) + ("&again=1" if again else ""), 303)
    _set_cookie(request, reply, _waiting_cookie(request), asked.token, int(sign_in.VALID.total_seconds()))
    return reply


async def _pending(request: Request) -> sign_in.Pending | None:
    async with services(request).db.control() as tx:
        return await sign_in.pending(tx, request.cookies.get(_waiting_cookie(request), ""))


def _to_console(wish: str) -> bool:
    """Whether the way leads to the operator's console, which needs no workspace and wants a fresh sign-in."""
    return onward(wish).startswith("/operator")


def _path(step: str, wish: str) -> str:
    return f"{step}?next={onward(wish)}"


def _language(request: Request) -> str:
    asked, remembered = request.query_params.get("lang"), request.cookies.get(i18n.COOKIE)
    return i18n.choose(asked, remembered, request.headers.get("accept-language"))


def _network(request: Request) -> str:
    return request.client.host if request.client else ""


# Cookies


def _session_cookie(request: Request) -> str:
    return sessions.cookie_name(production=services(request).production)


def _waiting_cookie(request: Request) -> str:
    return sign_in.cookie_name(production=services(request).production)


def _set_cookie(request: Request, reply: Response, name: str, value: str, seconds: int) -> None:
    """For this host only, out of reach of scripts, not sent along by other sites' requests."""
    reply.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=services(request).production,
        httponly=True,
        samesite="lax",
    )


def _clear_cookie(request: Request, reply: Response, name: str) -> None:
    reply.delete_cookie(name, path="/", secure=services(request).production, httponly=True, samesite="lax")
