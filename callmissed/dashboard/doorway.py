"""The doorway: what every way in shares. Where it may lead, the page beside a promise, the cookies, the step inside."""

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.cookies import clear_cookie, keep_session, session_cookie, set_cookie
from callmissed.foundation import i18n
from callmissed.foundation.database import Tx
from callmissed.foundation.http import services, wants_page
from callmissed.foundation.pages import render
from callmissed.foundation.problems import CrossSite, Problem
from callmissed.identity import sessions, sign_in, ways_in
from callmissed.site import Promised, PublicRecord

HOME = "/app"
ONWARD = re.compile(r"/(?:app|operator)(?:[/?][!-\[\]-~]*)?")
"""Where sign-in may lead: pages of the workspace, and of the operator's console. No host, no backslash, no control character fits in here."""

BESIDE = "safe.hashed-secrets"
"""The promise shown beside the sign-in."""

STEP_SECONDS = 900

Asked = Annotated[str, Query(alias="next")]
"""The page to go to after signing in, as links name it."""

Sent = Annotated[str, Form(alias="next")]
"""The same in a form."""


def onward(wish: str) -> str:
    """The page to go to after signing in: the one wished for when it is one of ours, else the workspace."""
    return wish if ONWARD.fullmatch(wish) else HOME


def to_console(wish: str) -> bool:
    """Whether the way leads to the operator's console, which needs no workspace and wants a fresh sign-in."""
    return onward(wish).startswith("/operator")


def path(step: str, wish: str) -> str:
    """The address of a step of signing in, with the page wished for after it."""
    return f"{step}?next={onward(wish)}"


def language(request: Request) -> str:
    """The language mail to this reader is written in."""
    asked, remembered = request.query_params.get("lang"), request.cookies.get(i18n.COOKIE)
    return i18n.choose(asked, remembered, request.headers.get("accept-language"))


def network(request: Request) -> str:
    """The network address the connection comes from."""
    return request.client.host if request.client else ""


def user_agent(request: Request) -> str:
    """What the browser says it is."""
    return request.headers.get("user-agent", "")


def site(request: Request) -> ways_in.passkeys.Site:
    """Where passkeys made now belong: this host, which the edge has admitted, under our own scheme."""
    base, host = urlsplit(services(request).base_url), request.url.netloc
    return ways_in.passkeys.Site(urlsplit(f"//{host}").hostname or "", f"{base.scheme}://{host}")


def has_name(request: Request) -> bool:
    """Whether this host has a name: browsers make no passkeys for bare addresses (WebAuthn §5.1.3)."""
    try:
        ip_address(site(request).host)
    except ValueError:
        return True
    return False


def named_address(request: Request, page: str) -> str:
    """The same page under a host with a name, for whoever opened it by a number on their own machine."""
    return str(request.url.replace(hostname="localhost", path=page, query=""))


def refuse_foreign_start(request: Request) -> None:
    """Refuse to begin a ceremony by a link on another website. Raises CrossSite."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise CrossSite


# Pages


async def task_page(
    request: Request, name: str, wish: str, problem: Problem | None = None, **context: object
) -> Response:
    """A page of signing in, `dashboard/sign_in/NAME.html`, with a promise beside the task; a program gets the problem itself.

    Call it when the transaction is over: raising takes nothing back.
    """
    if problem is not None and not wants_page(request):
        raise problem
    reply = render(
        request,
        f"dashboard/sign_in/{name}.html",
        status_code=problem.status if problem else 200,
        next=onward(wish),
        problem=problem,
        promise=await promise_beside(request),
        **context,
    )
    reply.headers["Cache-Control"] = "no-store"
    if problem is not None and problem.retry_after is not None:
        reply.headers["Retry-After"] = str(problem.retry_after)
    return reply


async def promise_beside(request: Request) -> Promised | None:
    """The promise shown beside the task; nothing where the wiring offers no record of them."""
    try:
        record = services(request).get(PublicRecord)
    except KeyError:
        return None
    policy = await record.policy()
    every = (promise for section in policy.sections for promise in section.promises)
    return next((promise for promise in every if promise.id == BESIDE), None)


# The step inside


async def leave_behind(tx: Tx, request: Request) -> None:
    """End the session this browser had: whoever signs in is somebody else from now on."""
    await sessions.sign_out(tx, request.cookies.get(session_cookie(request), ""))


def let_in(
    request: Request, outcome: ways_in.entrance.SignedIn | ways_in.entrance.SecondStep, wish: str
) -> Response:
    """Send a browser on: into the workspace, to the questions to a new account holder, or to the second step."""
    if isinstance(outcome, ways_in.entrance.SecondStep):
        reply = RedirectResponse(path("/sign-in/second", wish), 303)
        set_cookie(request, reply, step_cookie(request), outcome.browser, STEP_SECONDS)
    else:
        # Whoever is invited somewhere, or works for the operator, need not found a workspace of their own first.
        to = onward(wish)
        has_place = outcome.tenant_id is not None or to.startswith("/app/invitation/") or to_console(wish)
        reply = RedirectResponse(to if has_place else path("/welcome", wish), 303)
        keep_session(request, reply, outcome.token)
        days = ways_in.known_browsers.REMEMBERED
        set_cookie(request, reply, known_cookie(request), outcome.known, int(days.total_seconds()))
        clear_cookie(request, reply, step_cookie(request))
    clear_cookie(request, reply, waiting_cookie(request))
    return reply


# Cookies


def waiting_cookie(request: Request) -> str:
    """The name of the cookie of a code that is on its way."""
    return sign_in.cookie_name(production=services(request).production)


def known_cookie(request: Request) -> str:
    """The name of the cookie of a browser that has been signed in here before."""
    return ways_in.known_browsers.cookie_name(production=services(request).production)


def held(request: Request) -> sign_in.Held:
    """What this browser holds of before."""
    cookies = request.cookies
    return sign_in.Held(cookies.get(waiting_cookie(request), ""), cookies.get(known_cookie(request), ""))


def step_cookie(request: Request) -> str:
    """The name of the cookie of ceremonies."""
    return ways_in.ceremonies.cookie_name(production=services(request).production)


def browser_of(request: Request) -> str:
    """What this browser holds for its ceremonies: as it came, or new for the first one."""
    return request.cookies.get(step_cookie(request)) or ways_in.ceremonies.new_browser()


def keep_browser(request: Request, reply: Response, browser: str) -> None:
    """Have the browser hold it for a quarter of an hour from now."""
    set_cookie(request, reply, step_cookie(request), browser, STEP_SECONDS)
