"""Leaving: closing the workspace or the account, opening it again, and "this wasn't me"."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.billing import purse
from callmissed.dashboard.endpoints.account import me
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.own_account import holder
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, public, services, signed_in
from callmissed.foundation.i18n import t
from callmissed.foundation.money import Micro
from callmissed.foundation.pages import render
from callmissed.foundation.problems import Problem, ProofNeeded
from callmissed.foundation.tenancy import FRESH, Access, Actor
from callmissed.identity import alerts, leaving, sessions

router = Router(tags=["leaving"])

Word = Annotated[str, Form()]
LOST = ("bot", "conversation", "message", "contact", "knowledge_source", "api_key", "membership")
"""What the page counts by name; everything else is one figure."""


@router.get("/app/close", access=permits("tenant.close"))
async def ask_to_close(request: Request, tx: TenantTx) -> Response:
    """What closing the workspace means, in figures."""
    return await _close_page(request, tx)


@router.post("/app/close", access=permits("tenant.close", fresh=True))
async def close(request: Request, tx: TenantTx, word: Word = "") -> Response:
    """Close the workspace. Within a second nothing of it answers, anywhere."""
    try:
        leaving.require_word(word, t("ERASE"))
    except leaving.WordMissing as problem:
        return await _close_page(request, tx, problem=problem)
    await leaving.close_workspace(tx)
    return RedirectResponse("/closed", 303)


@router.get("/app/leave", access=signed_in())
async def ask_to_leave(request: Request, tx: TenantTx, problem: str = "") -> Response:
    """What leaving means for a member."""
    return await workspace_page(
        request, tx, "dashboard/leaving/leave.html", active="account", owns=problem == "owns"
    )


@router.post("/app/leave", access=signed_in(fresh=True))
async def leave(tx: TenantTx) -> Response:
    """Leave the workspace; the account stays, and goes on in another workspace of theirs if there is one."""
    try:
        other = await leaving.leave_workspace(tx, me(tx))
    except leaving.OwnsWorkspace:
        return RedirectResponse("/app/leave?problem=owns", 303)
    return RedirectResponse("/app" if other else "/welcome", 303)


@router.get("/app/close-account", access=public())
async def ask_to_close_account(request: Request) -> Response:
    """What closing the account means. Public to whoever holds a session, with or without a workspace."""
    who = await holder(request, "/app/close-account")
    return who if isinstance(who, Response) else _account_page(request)


@router.post("/app/close-account", access=public())
async def close_account(request: Request, word: Word = "") -> Response:
    """Close the account of the browser's own session. Public as the page is."""
    who = await holder(request, "/app/close-account")
    if isinstance(who, Response):
        return who
    if who.verified_at is None or who.verified_at + FRESH <= clock.now():
        asked = ProofNeeded()
        asked.typed = (("word", word),)
        raise asked
    try:
        leaving.require_word(word, t("ERASE"))
        await leaving.leave_everything(services(request).db, who.user_id)
        async with services(request).db.control() as tx:
            await leaving.close_account(tx, who.user_id)
    except (leaving.OwnsWorkspace, leaving.WordMissing) as problem:
        return _account_page(request, problem)
    return RedirectResponse("/closed", 303)


@router.get("/closed", access=public())
async def closed(request: Request) -> Response:
    """What is closed for whoever holds this session, and how to open it again. Public: it shows only their own."""
    who = await _who(request)
    if who is None or who.state == "locked":
        return RedirectResponse("/restore" if who else "/sign-in?next=/app", 303)
    async with services(request).db.control() as tx:
        found = await leaving.closed(tx, who)
    if found is None:
        return RedirectResponse("/app", 303)
    return render(request, "dashboard/leaving/closed.html", closed=found)


@router.post("/closed/open", access=public())
async def open_again(request: Request) -> Response:
    """Open again what the holder of this session closed. Public: whoever did not close it is refused."""
    who = await _who(request)
    if who is None or who.state == "locked":
        return RedirectResponse("/restore" if who else "/sign-in", 303)
    db = services(request).db
    try:
        if who.state == "closed":
            async with db.control() as tx:
                await leaving.reopen_account(tx, who.user_id)
        elif who.tenant_id is not None:
            access = Access(who.tenant_id, Actor("user", who.user_id), purpose="recovery")
            async with db.tenant(access) as tx:
                await leaving.reopen_workspace(tx)
    except leaving.NotClosed:
        return RedirectResponse("/closed", 303)
    return RedirectResponse("/app", 303)


@router.get("/not-me/{token}", access=public())
async def not_me(request: Request, token: str) -> Response:
    """What will happen. Public: the link is signed, and reading it changes nothing."""
    async with services(request).db.control() as tx:
        warned = await alerts.look(tx, token)
    return _quietly(render(request, "dashboard/leaving/not_me.html", warned=warned, token=token, done=False))


@router.post("/not-me/{token}", access=public())
async def it_was_not_me(request: Request, token: str) -> Response:
    """Stop everything. Public: the link is signed, for this one purpose, and works once."""
    await alerts.lock_everything(services(request).db, token)
    return _quietly(render(request, "dashboard/leaving/not_me.html", warned=None, token="", done=True))


@router.get("/restore", access=public())
async def ask_what_to_restore(request: Request) -> Response:
    """After a lock: what works again. Public to whoever has just proved the address of the locked account."""
    who = await _who(request)
    if who is None or who.state != "locked":
        return RedirectResponse("/sign-in", 303)
    keys = await alerts.stopped_keys(services(request).db, who.user_id)
    return _quietly(render(request, "dashboard/leaving/restore.html", keys=keys))


@router.post("/restore", access=public())
async def restore(request: Request, keys: Annotated[list[UUID] | None, Form()] = None) -> Response:
    """Have the account, and the chosen keys, work again. Public as the page is."""
    who = await _who(request)
    if who is None or who.state != "locked":
        return RedirectResponse("/sign-in", 303)
    await alerts.unlock(services(request).db, who.user_id, keys or ())
    return RedirectResponse("/app", 303)


async def _who(request: Request) -> sessions.Current | None:
    return await services(request).get(sessions.SessionReader).who(request)


def _quietly(reply: Response) -> Response:
    reply.headers["Cache-Control"] = "no-store"
    return reply


def _account_page(request: Request, problem: Problem | None = None) -> Response:
    return render(
        request,
        "dashboard/leaving/close_account.html",
        status_code=problem.status if problem else 200,
        problem=problem,
        days=leaving.DAYS,
    )


async def _close_page(request: Request, tx: Tx, *, problem: Problem | None = None) -> Response:
    counts = await leaving.counts(tx)
    return await workspace_page(
        request,
        tx,
        "dashboard/leaving/close.html",
        active="account",
        status_code=problem.status if problem else 200,
        problem=problem,
        counts={name: counts.get(name, 0) for name in LOST},
        rows=sum(counts.values()),
        balance=Micro((await purse(tx)).balance_micro),
        last_day=leaving.last_day_from_now(),
    )
