"""The session's cookie: for this host only, out of reach of scripts, not sent along by other sites' requests."""

from starlette.requests import Request
from starlette.responses import Response

from callmissed.foundation.http import services
from callmissed.identity import sessions


def keep_session(request: Request, reply: Response, token: str) -> None:
    """Have this browser hold the session's token from now on."""
    production = services(request).production
    reply.set_cookie(
        sessions.cookie_name(production=production),
        token,
        max_age=int(sessions.ABSOLUTE.total_seconds()),
        path="/",
        secure=production,
        httponly=True,
        samesite="lax",
    )


def forget_session(request: Request, reply: Response) -> None:
    """Have this browser forget its session."""
    production = services(request).production
    name = sessions.cookie_name(production=production)
    reply.delete_cookie(name, path="/", secure=production, httponly=True, samesite="lax")
