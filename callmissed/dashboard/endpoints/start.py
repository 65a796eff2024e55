"""The way into the workspace."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.dashboard.rooms import first_room
from callmissed.foundation.http import Router, signed_in
from callmissed.foundation.tenancy import Access

router = Router(tags=["start"])


@router.get("/app", access=signed_in())
async def start(request: Request) -> Response:
    """What is waiting comes first, for whoever may see it; others begin in the first room that is open to them."""
    access: Access = request.state.access
    return RedirectResponse(first_room(access.may), 303)


@router.get("/app/privacy", access=signed_in())
async def policy() -> Response:
    """The living policy is the same for everybody; a workspace's own registers will stand here."""
    return RedirectResponse("/privacy", 303)
