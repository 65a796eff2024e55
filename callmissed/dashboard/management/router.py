"""The API's router: the house's, with the problems of each route written into its description."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Depends
from starlette.requests import Request

from callmissed.foundation.http import Router, permits, signed_in
from callmissed.foundation.problems import Problem, TooManyRequests
from callmissed.foundation.tenancy import Access
from callmissed.gateway import LocalLimiter

PREFIX = "/api/v1"
PER_MINUTE = 600
PACE = LocalLimiter()
"""For each caller, in this process."""

ALWAYS = (
    "malformed", "unauthenticated", "key_malformed", "key_unknown", "key_revoked", "key_expired", "address_not_allowed",
    "origin_not_allowed", "forbidden",
    "workspace_closed", "cross_site", "not_found", "method_not_allowed", "unknown_host", "invalid",
    "too_many_requests", "internal",
)  # fmt: skip
"""Codes that any route may answer with."""
WRITING = ("too_large", "idempotency_key_unusable", "idempotency_key_reused")
PROBLEM = "#/components/schemas/Problem"


async def limited(request: Request) -> None:
    """Let a caller make 600 requests a minute. Raises TooManyRequests."""
    access: Access | None = request.state.access
    if access is None:
        return
    window = await PACE.request(access.actor.id or access.tenant_id, PER_MINUTE)
    if window.wait:
        raise TooManyRequests(retry_after=window.wait)


def responses_of(codes: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these problems, by status. Raises KeyError for a code that no problem has."""
    by_status: defaultdict[int, list[type[Problem]]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        problem = Problem.catalogue[code]
        by_status[problem.status].append(problem)
    return {
        status: {
            "description": "\n".join(f"- `{each.code}`: {each.default_message()}" for each in found),
            "content": {"application/problem+json": {"schema": {"$ref": PROBLEM}}},
        }
        for status, found in by_status.items()
    }


class Api(Router):
    """Registers routes of the management API below /api/v1."""

    def __init__(self, tag: str) -> None:
        """`tag` groups the routes in the description."""
        super().__init__(tags=[tag])

    def api(
        self,
        method: str,
        path: str,
        permission: str | None,
        *,
        gives: Any = None,
        status: int = 200,
        problems: Sequence[str] = (),
        fresh: bool = False,
    ) -> Callable[[Any], Any]:
        """Decorate an endpoint: what it asks, the document it gives (None: an empty 204), and its own problems.

        `fresh` as on the page for the same act: a person shows first who they are. What such routes ask, no key can be given,
        except `privacy.write`: and letting staff look takes a person (`staff.approve`).
        """
        codes = (*ALWAYS, *(WRITING if method in {"POST", "PUT", "PATCH"} else ()), *problems)
        codes += ("proof_needed",) * fresh

        def register(endpoint: Callable[..., Any]) -> Callable[..., Any]:
            rule = permits(permission, fresh=fresh) if permission else signed_in(fresh=fresh)
            extra: dict[str, Any] = {"x-problems": sorted(set(codes))}
            if method == "POST":
                extra["parameters"] = [ONCE]
            self.add_api_route(
                PREFIX + path,
                endpoint,
                methods=[method],
                status_code=status,
                response_model=gives,
                dependencies=[Depends(limited)],
                openapi_extra={"x-access": rule, "x-permission": permission, **extra},
            )
            return endpoint

        return register


ONCE: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Anything of 1 to 200 characters. The same request under the same key within 24 hours is done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
