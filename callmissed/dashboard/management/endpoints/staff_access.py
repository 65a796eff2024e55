"""What the operator's staff asked to see, for programs. A person decides and takes note of broken glass; any caller may end a look."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed.dashboard.management.answers import Cursor, Limit, Page, answer, cut, once, page_of
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import StaffAccess
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx
from callmissed.identity import staff

router = Api("staff access")

DECIDED = ("staff_access_not_found", "staff_access_decided", "staff_own_request")


@router.api("GET", "/staff-access", "privacy.read", gives=Page[StaffAccess], problems=("cursor_unusable",))
async def list_all(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Every request, the newest first."""
    cards = await staff.cards(tx)
    places = cut([card.id for card in cards], cursor, limit)
    ids = [cards[place].id for place in places]
    return answer(request, page_of([_access(cards[place]) for place in places], ids, limit))


@router.api(
    "POST",
    "/staff-access/{request_id}/approve",
    "privacy.write",
    fresh=True,
    gives=StaffAccess,
    problems=DECIDED,
)
async def approve(request: Request, tx: TenantTx, request_id: UUID) -> Response:
    """Let them look, from now on and for the time they asked for."""
    return await _decide(request, tx, request_id, staff.approve)


@router.api("POST", "/staff-access/{request_id}/refuse", "privacy.write", gives=StaffAccess, problems=DECIDED)
async def refuse(request: Request, tx: TenantTx, request_id: UUID) -> Response:
    """Say no."""
    return await _decide(request, tx, request_id, staff.refuse)


@router.api("POST", "/staff-access/{request_id}/end", "privacy.write", gives=StaffAccess, problems=DECIDED)
async def end(request: Request, tx: TenantTx, request_id: UUID) -> Response:
    """End a look at once."""
    return await _decide(request, tx, request_id, staff.end)


@router.api(
    "POST", "/staff-access/{request_id}/acknowledge", "privacy.write", gives=StaffAccess, problems=DECIDED
)
async def acknowledge(request: Request, tx: TenantTx, request_id: UUID) -> Response:
    """Take note of broken glass."""
    return await _decide(request, tx, request_id, staff.acknowledge)


async def _decide(
    request: Request, tx: Tx, request_id: UUID, act: Callable[[Tx, UUID], Awaitable[None]]
) -> Response:
    async def work() -> tuple[UUID, None]:
        await act(tx, request_id)
        return request_id, None

    async def show(same: UUID) -> StaffAccess:
        return _access(await staff.card(tx, same))

    return await once(request, tx, None, work, show, 200)


def _access(card: staff.Card) -> StaffAccess:
    return StaffAccess.model_validate(card, from_attributes=True)
