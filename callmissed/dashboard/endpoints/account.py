"""The person's own account: who they are, how to reach them, and where they are signed in."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.cookies import forget_session, keep_session
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation import i18n
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, services, signed_in, wants_page
from callmissed.foundation.mail import Postbox
from callmissed.foundation.problems import NotFound, Problem, Unauthenticated
from callmissed.foundation.tenancy import Access
from callmissed.identity import accounts, email_change, sessions

router = Router(tags=["account"])

Typed = Annotated[str, Form()]
SESSIONS = "/app/account/sessions"


def me(tx: Tx) -> UUID:
    """The signed-in person. Raises NotFound for programs."""
    if tx.access is None or tx.access.actor.kind != "user" or tx.access.actor.id is None:
        raise NotFound
    return tx.access.actor.id


@router.get("/app/account", access=signed_in())
async def account(request: Request, tx: TenantTx, saved: bool = False) -> Response:
    """Who they are to us: everything we keep about an account holder."""
    return await _account(request, tx, saved=saved)


@router.post("/app/account", access=signed_in())
async def change(
    request: Request, full_name: Typed = "", phone: Typed = "", language: Typed = "en"
) -> Response:
    """Change name, phone and language. What cannot be used comes back with what was typed."""
    access: Access = request.state.access
    try:
        async with services(request).db.tenant(access) as tx:
            await accounts.change_profile(tx, me(tx), full_name, phone, language)
    except Problem as problem:
        async with services(request).db.tenant(access) as tx:
            return await _account(
                request, tx, problem=problem, typed={"full_name": full_name, "phone": phone}
            )
    reply = RedirectResponse("/app/account?saved=1", 303)
    if language in i18n.LANGUAGES:
        reply.set_cookie(i18n.COOKIE, language, max_age=31_536_000, path="/", samesite="lax")
    return reply


@router.post("/app/account/email", access=signed_in(fresh=True))
async def ask_new_address(request: Request, email: Typed = "") -> Response:
    """Send a code to the new address, and a notice to the old one."""
    access: Access = request.state.access
    try:
        async with services(request).db.tenant(access) as tx:
            await email_change.ask(tx, await _who(request), email)
    except Problem as problem:
        async with services(request).db.tenant(access) as tx:
            return await _account(request, tx, problem=problem, typed={"email": email})
    return RedirectResponse("/app/account/email", 303)


@router.get("/app/account/email", access=signed_in())
async def ask_code(request: Request, tx: TenantTx) -> Response:
    """The code that was sent to the new address."""
    return await _code(request, tx)


@router.post("/app/account/email/code", access=signed_in())
async def check_code(request: Request, code: Typed = "") -> Response:
    """Take the new address. Every other browser is signed out."""
    access: Access = request.state.access
    async with services(request).db.tenant(access) as tx:
        outcome = await email_change.confirm(tx, await _who(request), code)
    if isinstance(outcome, Problem):
        async with services(request).db.tenant(access) as tx:
            return await _code(request, tx, problem=outcome)
    reply = RedirectResponse("/app/account?saved=1", 303)
    keep_session(request, reply, outcome)
    return reply


@router.get(SESSIONS, access=signed_in())
async def where(request: Request, tx: TenantTx) -> Response:
    """Where they are signed in."""
    access: Access = request.state.access
    return await workspace_page(
        request,
        tx,
        "dashboard/account/sessions.html",
        active="account",
        cards=await sessions.list_sessions(tx, me(tx), access.session_id),
    )


@router.post(SESSIONS + "/{session_id}/end", access=signed_in())
async def end(session_id: UUID, tx: TenantTx) -> Response:
    """Sign one browser out. Raises SessionNotFound."""
    await sessions.end_session(tx, me(tx), session_id)
    return RedirectResponse(SESSIONS, 303)


@router.post("/app/account/sessions-others", access=signed_in())
async def end_others(request: Request, tx: TenantTx) -> Response:
    """Sign every other browser out."""
    access: Access = request.state.access
    await sessions.end_sessions(tx, me(tx), but=access.session_id)
    return RedirectResponse(SESSIONS, 303)


@router.post("/app/account/sessions-all", access=signed_in())
async def end_all(request: Request, tx: TenantTx) -> Response:
    """Sign every browser out, this one too."""
    await sessions.end_sessions(tx, me(tx))
    reply = RedirectResponse("/sign-in", 303)
    forget_session(request, reply)
    return reply


async def _who(request: Request) -> sessions.Current:
    """Whose session this is. Raises Unauthenticated."""
    who = await services(request).get(sessions.SessionReader).who(request)
    if who is None:
        raise Unauthenticated
    return who


async def _account(
    request: Request,
    tx: Tx,
    *,
    saved: bool = False,
    problem: Problem | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    if problem and not wants_page(request):
        raise problem
    profile = await accounts.profile(tx, me(tx))
    shown = {
        "full_name": profile.full_name,
        "phone": profile.phone or "",
        "email": "",
        "language": profile.language,
    }
    return await workspace_page(
        request,
        tx,
        "dashboard/account/account.html",
        active="account",
        status_code=problem.status if problem else 200,
        profile=profile,
        shown=shown | (typed or {}),
        saved=saved,
        problem=problem,
        may_close=tx.access is not None and tx.access.may("tenant.close"),
    )


async def _code(request: Request, tx: Tx, *, problem: Problem | None = None) -> Response:
    if problem and not wants_page(request):
        raise problem
    return await workspace_page(
        request,
        tx,
        "dashboard/account/email.html",
        active="account",
        status_code=problem.status if problem else 200,
        problem=problem,
        outbox=services(request).get(Postbox).keeps_letters,
    )
