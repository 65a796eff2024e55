"""The description of the API: OpenAPI 3.1, made from the routes themselves."""

from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response

from callmissed.dashboard.management.endpoints import (
    bots,
    budgets,
    conversations,
    figures,
    keys,
    service_accounts,
    staff_access,
    team,
    workspace,
)
from callmissed.dashboard.management.router import PREFIX, PROBLEM, responses_of
from callmissed.dashboard.management.shapes import ProblemDocument
from callmissed.foundation.http import Router, public

router = Router(tags=["description"])

DESCRIBED = (
    workspace.router,
    team.router,
    keys.router,
    service_accounts.router,
    staff_access.router,
    bots.router,
    conversations.router,
    figures.router,
    budgets.router,
)
ABOUT = """\
Everything a workspace can do, for programs. Send a key as `Authorization: Bearer cm_…`; a signed-in browser may call too.
Each route asks for one permission. Problems are RFC 9457 documents whose `code` is stable. Lists come in pages with an opaque
cursor. A POST under an `Idempotency-Key` is done once in 24 hours. 600 requests a minute for each caller."""


@router.get(f"{PREFIX}/openapi.json", access=public())
async def description() -> Response:
    """The description. Public: it holds nothing of anybody."""
    return JSONResponse(describe(), headers={"Cache-Control": "no-cache"})


def describe() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the management API."""
    made: dict[str, Any] = get_openapi(
        title="CallMissed management API",
        version="1",
        openapi_version="3.1.0",
        description=ABOUT,
        routes=[route for each in DESCRIBED for route in each.routes],
    )
    components: dict[str, Any] = made.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    schemas[PROBLEM.rsplit("/", 1)[-1]] = ProblemDocument.model_json_schema()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "cm_session"},
    }
    made["security"] = [{"key": []}, {"session": []}]
    for path in made["paths"].values():
        for method, operation in path.items():
            _complete(method, operation)
    return made


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Say of one operation which problems it answers with, and what reading it again costs."""
    operation["responses"].pop("422", None)
    for status, said in responses_of(operation["x-problems"]).items():
        operation["responses"][str(status)] = said
    if method == "get":
        operation["responses"]["304"] = {"description": "You have it already (If-None-Match)."}
