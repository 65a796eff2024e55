"""Who may look after their own account: whoever is signed in, also while their workspace still asks for a second factor."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.foundation.http import AccessRule, services
from callmissed.foundation.problems import Unauthenticated
from callmissed.foundation.tenancy import Access
from callmissed.identity import sessions

SECURITY = "/app/account/security"


def own_account(*, fresh: bool = False) -> AccessRule:
    """Anyone with a session in some tenant, for what is theirs alone; without a second factor, with no permission there.

    `fresh` asks them to have shown in the last quarter of an hour that it is them: a stolen session is not enough.
    """
    return AccessRule("own account" + ", freshly proven" * fresh, resolve=_standing, fresh=fresh)


async def _standing(request: Request) -> Access | None:
    return await services(request).get(sessions.SessionReader).own_account(request)


async def holder(request: Request, wish: str = "") -> sessions.Current | Response:
    """Whose open account this browser is signed in to; otherwise where to go first.

    A locked or closed account is led to the one page that opens it again, and does nothing else before that.
    """
    found = await services(request).get(sessions.SessionReader).who(request)
    if found is None:
        return RedirectResponse(f"/sign-in?next={wish}" if wish else "/sign-in", 303)
    if found.state != "open":
        return RedirectResponse("/restore" if found.state == "locked" else "/closed", 303)
    return found


async def session_of(request: Request) -> sessions.Current:
    """The caller's session. Raises Unauthenticated."""
    found = await services(request).get(sessions.SessionReader).who(request)
    if found is None:
        raise Unauthenticated
    return found
