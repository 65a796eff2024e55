"""The way into the workspace."""

from starlette.responses import RedirectResponse, Response

from callmissed.foundation.http import Router, signed_in

router = Router(tags=["start"])


@router.get("/app", access=signed_in())
async def start() -> Response:
    """What is waiting comes first."""
    return RedirectResponse("/app/inbox", 303)


@router.get("/app/privacy", access=signed_in())
async def policy() -> Response:
    """The living policy is the same for everybody; a workspace's own registers will stand here."""
    return RedirectResponse("/privacy", 303)
