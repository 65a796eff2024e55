"""Workspaces: going from one to another, founding a further one, its settings, and coming into one by invitation."""

from typing import Annotated
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.billing import seats_of
from callmissed.dashboard.doorway import promise_beside
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.own_account import holder, own_account
from callmissed.dashboard.words import role_name
from callmissed.foundation import i18n
from callmissed.foundation.http import Router, TenantTx, permits, public, services, signed_in, wants_page
from callmissed.foundation.pages import reader_language, render
from callmissed.foundation.problems import Problem
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import accounts, invitations, onboarding, sessions, workspace, workspaces

router = Router(tags=["workspaces"])

Typed = Annotated[str, Form()]


@router.get("/app/settings", access=permits("tenant.write"))
async def settings(request: Request, tx: TenantTx, saved: bool = False) -> Response:
    """What the owner decides about the workspace."""
    where = await workspace(tx)
    return await _settings_page(request, tx, name=where.name, saved=saved)


@router.post("/app/settings", access=permits("tenant.write"))
async def save_settings(request: Request, tx: TenantTx, name: Typed = "") -> Response:
    """Call the workspace something else."""
    try:
        await workspaces.rename(tx, name)
    except Problem as problem:
        return await _settings_page(request, tx, name=name, problem=problem)
    return RedirectResponse("/app/settings?saved=1", 303)


@router.post("/app/workspaces/go", access=own_account())
async def go(request: Request, tenant: Annotated[UUID, Form()]) -> Response:
    """Work in another workspace of one's own from here on, in this browser, also while this one bars them. Raises WorkspaceNotYours."""
    async with services(request).db.control() as tx:
        await workspaces.go_to(tx, _token(request), tenant)
    return RedirectResponse("/app", 303)


@router.get("/app/workspaces/new", access=signed_in())
async def new(request: Request) -> Response:
    """Ask for the name of a further workspace."""
    return render(
        request,
        "dashboard/workspaces/new.html",
        organisation="",
        problem=None,
        promise=await promise_beside(request),
    )


@router.post("/app/workspaces", access=signed_in())
async def found(request: Request, organisation: Typed = "") -> Response:
    """Found a further workspace, and go there."""
    access: Access = request.state.access
    if access.actor.kind != "user" or access.actor.id is None:
        raise workspaces.WorkspaceNotYours
    founder = onboarding.new_tenant(access.actor.id)
    try:
        async with services(request).db.tenant(founder) as tx:
            await workspaces.found_another(tx, access.actor.id, organisation)
    except Problem as problem:
        return render(
            request,
            "dashboard/workspaces/new.html",
            status_code=problem.status,
            organisation=organisation,
            problem=problem,
            promise=await promise_beside(request),
        )
    async with services(request).db.control() as tx:
        await workspaces.go_to(tx, _token(request), founder.tenant_id)
    return RedirectResponse("/app", 303)


@router.get("/app/invitation/{token}", access=public())
async def invitation(request: Request, token: str) -> Response:
    """Who invites, into what. Public: without the address that it was sent to, it tells the workspace's name alone."""
    return await _invitation_page(request, token)


@router.post("/app/invitation/{token}", access=public())
async def accept(request: Request, token: str, full_name: Typed = "", adult: Typed = "") -> Response:
    """Come in. Public: the account of that very address is asked for inside."""
    held, who = services(request), await holder(request, f"/app/invitation/{token}")
    if isinstance(who, Response):
        return who
    try:
        async with held.db.control() as tx:
            entry = await invitations.find(tx, token)
        async with held.db.tenant(Access(entry.tenant_id, Actor("user", who.user_id))) as tx:
            if not (await accounts.profile(tx, who.user_id)).full_name:
                await accounts.introduce(tx, who.user_id, full_name, "", adult=adult == "on")
            seats = seats_of((await workspace(tx)).plan)
            await invitations.accept(tx, entry.target_id, who.user_id, seats)
        async with held.db.control() as tx:
            await workspaces.go_to(tx, _token(request), entry.tenant_id)
    except Problem as problem:
        return await _invitation_page(request, token, problem, full_name=full_name)
    return RedirectResponse("/app", 303)


async def _invitation_page(
    request: Request, token: str, problem: Problem | None = None, **context: object
) -> Response:
    """The page of an invitation, or why it cannot be accepted."""
    held, who = services(request), await _who(request)
    welcome = profile = None
    try:
        async with held.db.control() as tx:
            entry = await invitations.find(tx, token)
            profile = await accounts.profile(tx, who.user_id) if who else None
        async with held.db.tenant(Access(entry.tenant_id, Actor("user", who.user_id if who else None))) as tx:
            welcome = await invitations.look(tx, entry.target_id, who.user_id if who else None)
    except Problem as found:
        problem = problem or found
    if problem and not wants_page(request):
        raise problem
    role = ""
    if welcome:
        with i18n.speaking(reader_language(request)):
            role = role_name(welcome.role, welcome.role_name)
    reply = render(
        request,
        "dashboard/workspaces/invitation.html",
        status_code=problem.status if problem else 200,
        token=token,
        welcome=welcome,
        role=role,
        profile=profile,
        problem=problem,
        promise=await promise_beside(request),
        **{"full_name": "", **context},
    )
    reply.headers["Cache-Control"] = "no-store"
    reply.headers["Referrer-Policy"] = "no-referrer"
    return reply


async def _who(request: Request) -> sessions.Current | None:
    return await services(request).get(sessions.SessionReader).who(request)


def _token(request: Request) -> str:
    return request.cookies.get(sessions.cookie_name(production=services(request).production), "")


async def _settings_page(
    request: Request, tx: TenantTx, *, name: str, saved: bool = False, problem: Problem | None = None
) -> Response:
    where = await workspace(tx)
    return await workspace_page(
        request,
        tx,
        "dashboard/workspaces/settings.html",
        active="settings",
        status_code=problem.status if problem else 200,
        name=name,
        slug=where.slug,
        plan=where.plan,
        seats=seats_of(where.plan),
        saved=saved,
        problem=problem,
    )
