"""Members, invitations and roles, for programs."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.billing import seats_of
from callmissed.dashboard.management.answers import Cursor, Limit, Page, answer, cut, once, page_of
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import (
    Invitation,
    Member,
    NewInvitation,
    NewRole,
    Role,
    RoleChange,
)
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx, services
from callmissed.foundation.pages import reader_language
from callmissed.identity import custom_roles, invitations, members, workspace

router = Api("team")

GIVING = ("role_unknown", "more_than_yours")
FOREIGN = ("above_you",)


@router.api("GET", "/members", "team.read", gives=Page[Member], problems=("cursor_unusable",))
async def list_members(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Everybody who works here, the newest first."""
    cards = await members.list_members(tx)
    places = cut([card.id for card in cards], cursor, limit)
    ids = [cards[place].id for place in places]
    return answer(request, page_of([_member(cards[place]) for place in places], ids, limit))


@router.api("GET", "/members/{member_id}", "team.read", gives=Member, problems=("member_not_found",))
async def read_member(request: Request, tx: TenantTx, member_id: UUID) -> Response:
    """One member."""
    return answer(request, _member(await members.member_card(tx, member_id)))


@router.api(
    "PATCH",
    "/members/{member_id}",
    "team.write",
    fresh=True,
    gives=Member,
    problems=("member_not_found", "own_role", "owner_stays", *FOREIGN, *GIVING),
)
async def change_member(request: Request, tx: TenantTx, member_id: UUID, body: RoleChange) -> Response:
    """Give a member another role."""
    await members.change_member_role(tx, member_id, body.role)
    return answer(request, _member(await members.member_card(tx, member_id)))


@router.api(
    "DELETE",
    "/members/{member_id}",
    "team.write",
    fresh=True,
    status=204,
    problems=("member_not_found", "owner_stays", *FOREIGN),
)
async def remove_member(tx: TenantTx, member_id: UUID) -> Response:
    """Have somebody work here no more: their sessions, keys and invitations end at once."""
    await members.remove_member(tx, member_id)
    return Response(status_code=204)


@router.api("GET", "/invitations", "team.read", gives=Page[Invitation], problems=("cursor_unusable",))
async def list_invitations(
    request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20
) -> Response:
    """Invitations that nobody has accepted, the newest first."""
    cards = await invitations.list_invitations(tx)
    places = cut([card.id for card in cards], cursor, limit)
    ids = [cards[place].id for place in places]
    return answer(request, page_of([_invitation(cards[place]) for place in places], ids, limit))


@router.api(
    "POST",
    "/invitations",
    "team.write",
    fresh=True,
    gives=Invitation,
    status=201,
    problems=("email_unusable", "already_member", "already_invited", "seats_taken", *GIVING),
)
async def invite(request: Request, tx: TenantTx, body: NewInvitation) -> Response:
    """Ask somebody in by their address, and write to it."""
    asking = await _asking(request, tx)

    async def work() -> tuple[UUID, None]:
        return await invitations.invite(tx, body.email, body.role, asking), None

    async def show(invitation_id: UUID) -> Invitation:
        return _invitation(await invitations.invitation_card(tx, invitation_id))

    return await once(request, tx, body, work, show)


@router.api(
    "POST",
    "/invitations/{invitation_id}/resend",
    "team.write",
    gives=Invitation,
    problems=("invitation_not_found", "seats_taken", *FOREIGN),
)
async def resend(request: Request, tx: TenantTx, invitation_id: UUID) -> Response:
    """Write again, with a new link; the older one stops working."""
    asking = await _asking(request, tx)

    async def work() -> tuple[UUID, None]:
        await invitations.resend(tx, invitation_id, asking)
        return invitation_id, None

    async def show(same: UUID) -> Invitation:
        return _invitation(await invitations.invitation_card(tx, same))

    return await once(request, tx, None, work, show, 200)


@router.api(
    "DELETE",
    "/invitations/{invitation_id}",
    "team.write",
    status=204,
    problems=("invitation_not_found", *FOREIGN),
)
async def withdraw(tx: TenantTx, invitation_id: UUID) -> Response:
    """Take an invitation back; its address is erased."""
    await invitations.withdraw(tx, invitation_id)
    return Response(status_code=204)


@router.api("GET", "/roles", "team.read", gives=Page[Role])
async def list_roles(request: Request, tx: TenantTx) -> Response:
    """Every role: ours first, then those the workspace made. There are few, so they come in one page."""
    found = [_role(card) for card in await custom_roles.list_roles(tx)]
    return answer(request, Page[Role](items=found, next_cursor=None))


@router.api(
    "POST",
    "/roles",
    "team.write",
    fresh=True,
    gives=Role,
    status=201,
    problems=("role_name_missing", "role_may_nothing", "more_than_yours", "too_many_roles"),
)
async def make_role(request: Request, tx: TenantTx, body: NewRole) -> Response:
    """Make a role out of permissions that the caller holds."""

    async def work() -> tuple[UUID, None]:
        return await custom_roles.make_role(tx, body.name, body.permissions), None

    async def show(role_id: UUID) -> Role:
        return _role(await custom_roles.role_card(tx, role_id))

    return await once(request, tx, body, work, show)


@router.api(
    "PUT",
    "/roles/{role_id}",
    "team.write",
    fresh=True,
    gives=Role,
    problems=("role_not_found", "role_name_missing", "role_may_nothing", "more_than_yours", *FOREIGN),
)
async def change_role(request: Request, tx: TenantTx, role_id: UUID, body: NewRole) -> Response:
    """Say anew what a role allows, for everybody who has it."""
    await custom_roles.change_role(tx, role_id, body.name, body.permissions)
    return answer(request, _role(await custom_roles.role_card(tx, role_id)))


@router.api(
    "DELETE",
    "/roles/{role_id}",
    "team.write",
    status=204,
    problems=("role_not_found", "role_in_use", *FOREIGN),
)
async def remove_role(tx: TenantTx, role_id: UUID) -> Response:
    """Remove a role that nobody has."""
    await custom_roles.remove_role(tx, role_id)
    return Response(status_code=204)


async def _asking(request: Request, tx: Tx) -> invitations.Asking:
    seats = seats_of((await workspace(tx)).plan)
    return invitations.Asking(seats, services(request).base_url, reader_language(request))


def _member(card: members.MemberCard) -> Member:
    return Member(
        id=card.id,
        name=card.name,
        email=card.email,
        role=card.role_value,
        role_name=card.role_name,
        since=card.since,
    )


def _invitation(card: invitations.InvitationCard) -> Invitation:
    return Invitation(
        id=card.id,
        email=card.address,
        role=str(card.role_id or card.role),
        role_name=card.role_name,
        invited_by=card.invited_by,
        sent_at=card.sent_at,
        expires_at=card.expires_at,
        has_expired=card.has_expired,
    )


def _role(card: custom_roles.RoleCard) -> Role:
    return Role(id=card.value, name=card.name, permissions=sorted(card.permissions), made_here=card.made_here)
