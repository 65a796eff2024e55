"""Coming in with a passkey, and the second step for those who have one."""

from typing import Annotated

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.doorway import (
    Asked,
    Sent,
    browser_of,
    has_name,
    keep_browser,
    leave_behind,
    let_in,
    network,
    path,
    site,
    step_cookie,
    task_page,
    user_agent,
)
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, public, services
from callmissed.foundation.problems import Problem
from callmissed.identity import ways_in

router = Router(tags=["sign-in"])

Typed = Annotated[str, Form()]


@router.post("/sign-in/passkey/ask", access=public())
async def ask_passkey(request: Request) -> Response:
    """What the browser needs to offer its passkeys. Public: the same for everybody, and it names nobody."""
    browser = browser_of(request)
    async with services(request).db.control() as tx:
        asked = await ways_in.passkeys.ask_to_sign_in(tx, browser, site(request), network(request))
    reply = Response(asked, media_type="application/json", headers={"cache-control": "no-store"})
    keep_browser(request, reply, browser)
    return reply


@router.post("/sign-in/passkey", access=public())
async def use_passkey(request: Request, credential: Typed = "", wish: Sent = "") -> Response:
    """Sign in with a passkey, or finish the second step with it. Public: the signature is the proof."""
    browser = request.cookies.get(step_cookie(request), "")
    try:
        async with services(request).db.control() as tx:
            outcome = await _by_passkey(tx, request, credential, browser)
    except ways_in.AccountLocked as locked:
        outcome = locked
    if isinstance(outcome, Problem):
        return await task_page(request, "refused", wish, outcome)
    return let_in(request, outcome, wish)


async def _by_passkey(
    tx: Tx, request: Request, credential: str, browser: str
) -> ways_in.entrance.SignedIn | ways_in.entrance.SecondStep | Problem:
    proven = await ways_in.passkeys.prove(tx, credential, browser, site(request))
    if isinstance(proven, Problem):
        return proven
    await leave_behind(tx, request)
    told = (user_agent(request), network(request))
    second = await ways_in.entrance.second_by_passkey(tx, browser, proven, *told)
    return second or await ways_in.entrance.enter(tx, proven, ("passkey",), *told)


@router.get("/sign-in/second", access=public())
async def ask_second(request: Request, wish: Asked = "", recovery: bool = False) -> Response:
    """The second step. Public: shows only what this browser is asked for."""
    return await _second_page(request, wish, recovery=recovery)


@router.post("/sign-in/second", access=public())
async def check_second(
    request: Request,
    code: Typed = "",
    recovery: Annotated[bool, Form()] = False,
    wish: Sent = "",
) -> Response:
    """Finish with a code of an app, or with a recovery code. Public: the code is the proof."""
    browser = request.cookies.get(step_cookie(request), "")
    try:
        async with services(request).db.control() as tx:
            outcome = await ways_in.entrance.second_step(
                tx, browser, code, network(request), user_agent(request), recovery=recovery
            )
            if not isinstance(outcome, Problem):
                await leave_behind(tx, request)
    except ways_in.AccountLocked as locked:
        outcome = locked
    if isinstance(outcome, Problem):
        return await _second_page(request, wish, recovery=recovery, problem=outcome)
    return let_in(request, outcome, wish)


async def _second_page(
    request: Request, wish: str, *, recovery: bool, problem: Problem | None = None
) -> Response:
    async with services(request).db.control() as tx:
        wanted = await ways_in.entrance.wanted(tx, request.cookies.get(step_cookie(request), ""))
    if wanted is None and problem is None:
        return RedirectResponse(path("/sign-in", wish), 303)
    named = has_name(request)
    return await task_page(request, "second", wish, problem, wanted=wanted, recovery=recovery, passkeys=named)
