"""Access rules: what a route asks of its caller before anything else happens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from callmissed.foundation.problems import ProofNeeded, TenantClosed, Unauthenticated
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access

FRESHLY = ", freshly proven"

NEVER_REPEATED = frozenset({"secret"})
"""Fields of forms that stand in no reply, whatever comes of the form."""

Resolve = Callable[[Request], Awaitable[Access | None]]


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A declared rule. Called with a request, it finds the caller's access and refuses, or stores it on the request.

    `is_public` routes have no access unless the caller happens to be signed in. `resolve` replaces the ordinary way
    (session cookie) for surfaces with their own tokens. `fresh` rules ask people to have shown lately that it is them.
    """

    name: str
    permission: str | None = None
    is_public: bool = False
    resolve: Resolve | None = None
    fresh: bool = False

    async def __call__(self, request: Request) -> None:
        """Raises Unauthenticated, Forbidden, TenantClosed and ProofNeeded."""
        held: Services = request.app.state.services
        try:
            access = await (self.resolve or held.authenticate)(request)
        except TenantClosed:
            if not self.is_public:
                raise
            access = None
        if access is None and not self.is_public:
            raise Unauthenticated
        if access is not None and self.permission is not None:
            access.require(self.permission)
        if access is not None and self.fresh and access.actor.kind == "user" and not access.is_fresh:
            raise await _ask_for_proof(request)
        request.state.access = request.scope["access"] = access


async def _ask_for_proof(request: Request) -> ProofNeeded:
    """The demand for a proof, with what was typed, so that nothing but secrets has to be typed again."""
    asked = ProofNeeded()
    if request.method == "POST":
        form = await request.form()
        asked.typed = tuple(
            (name, value)
            for name, value in form.multi_items()
            if isinstance(value, str) and name not in NEVER_REPEATED
        )
    return asked


def public() -> AccessRule:
    """Anyone may call this route; say in its docstring why that is safe."""
    return AccessRule("public", is_public=True)


def signed_in(*, fresh: bool = False) -> AccessRule:
    """Anyone with a session in some tenant."""
    return AccessRule("signed in" + FRESHLY * fresh, fresh=fresh)


def permits(permission: str, *, fresh: bool = False) -> AccessRule:
    """Callers who hold this permission in the tenant they are working in.

    `fresh` is for what would hurt most in the wrong hands: the person proves who they are again, unless they did so in the
    last quarter of an hour, and goes on with what they were doing (see `foundation/tenancy.py`, FRESH).
    """
    return AccessRule(f"permits {permission}" + FRESHLY * fresh, permission=permission, fresh=fresh)
