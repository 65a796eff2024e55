"""The house's router: FastAPI's, with access declared on each route and transactions that end before the reply."""

from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request

from callmissed.foundation.database import Tx
from callmissed.foundation.http.access import AccessRule
from callmissed.foundation.http.reading import ReadableContent, readable_address
from callmissed.foundation.problems import Unauthenticated
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access


class UndeclaredAccess(TypeError):
    """A route was registered without saying who may call it."""


class Router(APIRouter):
    """Registers routes that declare `access=`; anything else raises UndeclaredAccess at import.

    `body_limit=` (bytes) on a route raises or lowers what it accepts; the default is the edge's.
    """

    def __init__(self, **options: Any) -> None:
        """Options are those of FastAPI's router."""
        super().__init__(**options)
        self.rules: dict[str, AccessRule] = {}

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Register one route. FastAPI's decorators end up here."""
        extra: dict[str, Any] = dict(options.pop("openapi_extra", None) or {})
        access = extra.pop("x-access", None)
        if not isinstance(access, AccessRule):
            reason = f"route {path} does not declare access=: use public(), signed_in() or permits(...)"
            raise UndeclaredAccess(reason)
        further: list[Any] = options.pop("dependencies", None) or []
        content = ReadableContent()
        dependencies = [Depends(readable_address), Depends(access), Depends(content), *further]
        options.setdefault("response_model", None)
        super().add_api_route(
            path, endpoint, dependencies=dependencies, openapi_extra=extra or None, **options
        )
        route = self.routes[-1]
        if isinstance(route, APIRoute):
            content.learn(route)
            self.rules[f"{','.join(sorted(route.methods or ()))} {route.path}"] = access

    def route_for(self, method: str, path: str, access: AccessRule, **options: Any) -> Callable[[Any], Any]:
        """Decorate an endpoint with its method, path and access rule."""

        def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
            self.add_api_route(
                path, endpoint, methods=[method], openapi_extra={"x-access": access}, **options
            )
            return endpoint

        return register

    def get(self, path: str, *, access: AccessRule, **options: Any) -> Callable[[Any], Any]:  # pyright: ignore[reportIncompatibleMethodOverride] access= is the point of the override
        """A route that reads."""
        return self.route_for("GET", path, access, **options)

    def post(self, path: str, *, access: AccessRule, **options: Any) -> Callable[[Any], Any]:  # pyright: ignore[reportIncompatibleMethodOverride] access= is the point of the override
        """A route that changes something."""
        return self.route_for("POST", path, access, **options)

    def delete(self, path: str, *, access: AccessRule, **options: Any) -> Callable[[Any], Any]:  # pyright: ignore[reportIncompatibleMethodOverride] access= is the point of the override
        """A route that removes something."""
        return self.route_for("DELETE", path, access, **options)


def services(request: Request) -> Services:
    """The process's services."""
    held: Services = request.app.state.services
    return held


def current_access(request: Request) -> Access:
    """The caller's access. Raises Unauthenticated on a public route called by nobody in particular."""
    access: Access | None = getattr(request.state, "access", None)
    if access is None:
        raise Unauthenticated
    return access


async def _tenant_tx(request: Request) -> AsyncGenerator[Tx]:
    async with services(request).db.tenant(current_access(request)) as tx:
        yield tx


async def _control_tx(request: Request) -> AsyncGenerator[Tx]:
    async with services(request).db.control() as tx:
        yield tx


# Function scope: the commit happens before the reply leaves, and its failure still becomes an error (see
# docs/decisions on the request path). With the default scope the client would have its 200 before the commit.
TenantTx = Annotated[Tx, Depends(_tenant_tx, scope="function")]
"""A transaction in the caller's tenant, committed before the reply."""

ControlTx = Annotated[Tx, Depends(_control_tx, scope="function")]
"""A transaction outside any tenant, committed before the reply."""
