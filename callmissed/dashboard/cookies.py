"""Cookies: for this host only, out of reach of scripts, not sent along by other sites' requests."""

from starlette.requests import Request
from starlette.responses import Response

from callmissed.foundation.http import services
from callmissed.identity import sessions


def set_cookie(request: Request, reply: Response, name: str, value: str, seconds: int) -> None:
    """Have this browser hold something."""
    reply.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=services(request).production,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(request: Request, reply: Response, name: str) -> None:
    """Have this browser forget it."""
    reply.delete_cookie(name, path="/", secure=services(request).production, httponly=True, samesite="lax")


def session_cookie(request: Request) -> str:
    """The name of the session's cookie."""
    return sessions.cookie_name(production=services(request).production)


def keep_session(request: Request, reply: Response, token: str) -> None:
    """Have this browser hold the session's token from now on."""
    set_cookie(request, reply, session_cookie(request), token, int(sessions.ABSOLUTE.total_seconds()))


def forget_session(request: Request, reply: Response) -> None:
    """Have this browser forget its session."""
    clear_cookie(request, reply, session_cookie(request))
