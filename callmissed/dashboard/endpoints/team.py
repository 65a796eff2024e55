"""The team: who works here, who is invited, what the roles allow, and to whom the workspace is handed on."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.billing import seats_of
from callmissed.dashboard.frame import workspace_page
from callmissed.dashboard.words import ROLE_MEANINGS, ROLE_NAMES, permission_names
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, services, signed_in
from callmissed.foundation.pages import reader_language
from callmissed.foundation.problems import Problem
from callmissed.identity import custom_roles, invitations, members, ownership, workspace

router = Router(tags=["team"])

PLACE = "/app/team"
Tab = Literal["members", "invitations", "roles"]
Typed = Annotated[str, Form()]
Work = Callable[[Tx], Awaitable[object]]


@router.get("/app/team", access=permits("team.read"))
async def shown(
    request: Request,
    tx: TenantTx,
    tab: Tab = "members",
    invite: bool = False,
    member: UUID | None = None,
    role: Annotated[str, Query(max_length=40)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Members, invitations or roles; with `invite`, `member` or `role` the drawer about it is open."""
    return await _page(request, tx, tab, invite=invite, member=member, role=role, done=done)


@router.post("/app/team/invitations", access=permits("team.write", fresh=True))
async def send_invitation(request: Request, email: Typed = "", role: Typed = "teammate") -> Response:
    """Ask somebody in by their address."""
    asking = await _asking(request)
    problem = await _do(request, lambda tx: invitations.invite(tx, email, role, asking))
    if problem:
        return await _again(request, problem, "invitations", invite=True, email=email, wished=role)
    return RedirectResponse(f"{PLACE}?tab=invitations&done=sent", 303)


@router.post("/app/team/invitations/{invitation_id}/resend", access=permits("team.write"))
async def resend_invitation(request: Request, invitation_id: UUID) -> Response:
    """Write again, with a new link."""
    asking = await _asking(request)
    problem = await _do(request, lambda tx: invitations.resend(tx, invitation_id, asking))
    return await _after(request, problem, "invitations", "sent")


@router.post("/app/team/invitations/{invitation_id}/withdraw", access=permits("team.write"))
async def withdraw_invitation(request: Request, invitation_id: UUID) -> Response:
    """Take an invitation back."""
    problem = await _do(request, lambda tx: invitations.withdraw(tx, invitation_id))
    return await _after(request, problem, "invitations", "withdrawn")


@router.post("/app/team/members/{member_id}/role", access=permits("team.write", fresh=True))
async def give_role(request: Request, member_id: UUID, role: Typed = "") -> Response:
    """Give a teammate another role."""
    problem = await _do(request, lambda tx: members.change_member_role(tx, member_id, role))
    if problem:
        return await _again(request, problem, "members", member=member_id)
    return RedirectResponse(f"{PLACE}?done=changed", 303)


@router.post("/app/team/members/{member_id}/remove", access=permits("team.write", fresh=True))
async def remove(request: Request, member_id: UUID) -> Response:
    """Have a teammate work here no more."""
    problem = await _do(request, lambda tx: members.remove_member(tx, member_id))
    return await _after(request, problem, "members", "removed")


@router.post("/app/team/roles", access=permits("team.write", fresh=True))
async def make_role(
    request: Request, name: Typed = "", permissions: Annotated[list[str] | None, Form()] = None
) -> Response:
    """Make a role."""
    wished = permissions or []
    problem = await _do(request, lambda tx: custom_roles.make_role(tx, name, wished))
    if problem:
        return await _again(request, problem, "roles", role="new", name=name, ticked=frozenset(wished))
    return RedirectResponse(f"{PLACE}?tab=roles&done=saved", 303)


@router.post("/app/team/roles/{role_id}", access=permits("team.write", fresh=True))
async def change_role(
    request: Request,
    role_id: UUID,
    name: Typed = "",
    permissions: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Say anew what a role allows."""
    wished = permissions or []
    problem = await _do(request, lambda tx: custom_roles.change_role(tx, role_id, name, wished))
    if problem:
        return await _again(request, problem, "roles", role=str(role_id), name=name, ticked=frozenset(wished))
    return RedirectResponse(f"{PLACE}?tab=roles&done=saved", 303)


@router.post("/app/team/roles/{role_id}/remove", access=permits("team.write"))
async def remove_role(request: Request, role_id: UUID) -> Response:
    """Remove a role that nobody has."""
    problem = await _do(request, lambda tx: custom_roles.remove_role(tx, role_id))
    return await _after(request, problem, "roles", "gone")


@router.post("/app/team/owner/offer", access=permits("owner.transfer", fresh=True))
async def offer(request: Request, member: Annotated[UUID, Form()]) -> Response:
    """Offer the workspace to a teammate."""
    page = services(request).base_url + PLACE
    problem = await _do(request, lambda tx: ownership.offer_ownership(tx, member, page))
    return await _after(request, problem, "members", "offered")


@router.post("/app/team/owner/{answer}", access=signed_in(fresh=True))
async def answer_offer(request: Request, answer: Literal["withdraw", "take", "decline"]) -> Response:
    """Take the offer back, take the workspace, or decline it; each is possible for the one side alone."""
    page = services(request).base_url + PLACE
    work: dict[str, Work] = {
        "withdraw": ownership.withdraw_offer,
        "take": lambda tx: ownership.take_ownership(tx, page),
        "decline": ownership.decline_offer,
    }
    problem = await _do(request, work[answer])
    return await _after(request, problem, "members", answer)


async def _do(request: Request, work: Work) -> Problem | None:
    """Do one thing in a transaction of its own, and return what was wrong with it. What is not there stays a problem."""
    try:
        async with services(request).db.tenant(request.state.access) as tx:
            await work(tx)
    except Problem as problem:
        if problem.status == 404:
            raise
        return problem
    return None


async def _after(request: Request, problem: Problem | None, tab: Tab, done: str) -> Response:
    if problem:
        return await _again(request, problem, tab)
    return RedirectResponse(f"{PLACE}?tab={tab}&done={done}", 303)


async def _again(request: Request, problem: Problem, tab: Tab, **context: object) -> Response:
    async with services(request).db.tenant(request.state.access) as tx:
        reply = await _page(request, tx, tab, problem=problem, **context)
    reply.status_code = problem.status
    return reply


async def _asking(request: Request) -> invitations.Asking:
    async with services(request).db.tenant(request.state.access) as tx:
        plan = (await workspace(tx)).plan
    return invitations.Asking(seats_of(plan), services(request).base_url, reader_language(request))


async def _page(request: Request, tx: Tx, tab: Tab, **context: object) -> Response:
    shown: dict[str, Any] = {
        "problem": None, "invite": False, "member": None, "role": "", "done": "", "email": "",
        "wished": "teammate", "name": "", "ticked": None, **context,
    }  # fmt: skip
    people, roles = await members.list_members(tx), await custom_roles.list_roles(tx)
    subject = next((each for each in people if each.id == shown["member"]), None)
    plan = (await workspace(tx)).plan
    return await workspace_page(
        request,
        tx,
        "dashboard/team/team.html",
        active="team",
        tab=tab,
        people=people,
        roles=roles,
        invited=await invitations.list_invitations(tx),
        offer=await ownership.pending_offer(tx),
        subject=subject,
        subject_keys=await members.keys_that_end_with(tx, subject.id) if subject else 0,
        edited=next((each for each in roles if each.made_here and each.value == shown["role"]), None),
        seats=seats_of(plan),
        permissions=permission_names(),
        role_names=ROLE_NAMES,
        role_meanings=ROLE_MEANINGS,
        may_write=bool(tx.access and tx.access.may("team.write")),
        may_hand_on=bool(tx.access and tx.access.may("owner.transfer")),
        may=tx.access.may if tx.access else None,
        **{name: value for name, value in shown.items() if name != "member"},
    )
