"""Who may look after their own account: whoever is signed in, also while their workspace still asks for a second factor."""

from uuid import UUID

from starlette.requests import Request

from callmissed.foundation.http import AccessRule, services
from callmissed.foundation.problems import Unauthenticated
from callmissed.foundation.tenancy import Access
from callmissed.identity import sessions, ways_in

SECURITY = "/app/account/security"


def own_account() -> AccessRule:
    """Anyone with a session in some tenant, for what is theirs alone; without a second factor, with no permission there."""
    return AccessRule("own account", resolve=_standing)


async def _standing(request: Request) -> Access | None:
    reader = services(request).get(sessions.SessionReader)
    return await reader.access(request) or await reader.own_account(request)


async def session_of(request: Request) -> sessions.Current:
    """The caller's session. Raises Unauthenticated."""
    found = await services(request).get(sessions.SessionReader).who(request)
    if found is None:
        raise Unauthenticated
    return found


async def who_is_fresh(request: Request) -> UUID:
    """Who the caller is, if they proved it in the last quarter of an hour. Raises SignInAgain: a stolen session is not enough."""
    found = await session_of(request)
    if not found.is_fresh:
        raise ways_in.SignInAgain
    return found.user_id
