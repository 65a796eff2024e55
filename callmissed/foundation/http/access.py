"""Access rules: what a route asks of its caller before anything else happens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from callmissed.foundation.problems import Unauthenticated
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access

Resolve = Callable[[Request], Awaitable[Access | None]]


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A declared rule. Called with a request, it finds the caller's access and refuses, or stores it on the request.

    `is_public` routes have no access unless the caller happens to be signed in. `resolve` replaces the ordinary way
    (session cookie) for surfaces with their own tokens.
    """

    name: str
    permission: str | None = None
    is_public: bool = False
    resolve: Resolve | None = None

    async def __call__(self, request: Request) -> None:
        """Raises Unauthenticated or Forbidden."""
        held: Services = request.app.state.services
        access = await (self.resolve or held.authenticate)(request)
        if access is None and not self.is_public:
            raise Unauthenticated
        if access is not None and self.permission is not None:
            access.require(self.permission)
        request.state.access = access


def public() -> AccessRule:
    """Anyone may call this route; say in its docstring why that is safe."""
    return AccessRule("public", is_public=True)


def signed_in() -> AccessRule:
    """Anyone with a session in some tenant."""
    return AccessRule("signed in")


def permits(permission: str) -> AccessRule:
    """Callers who hold this permission in the tenant they are working in."""
    return AccessRule(f"permits {permission}", permission=permission)
