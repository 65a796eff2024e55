"""Problems on the wire: an HTML page for people, RFC 9457 for programs, OpenAI's and Anthropic's shapes for their clients."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.foundation.problems import Problem, TenantClosed, Unauthenticated

log = logging.getLogger(__name__)

HtmlPage = Callable[[Request, Problem], Response]
"""Draws the page of a problem; offered by the pages module at start."""

TITLES = {
    400: "Malformed request",
    401: "Sign in first",
    402: "Payment required",
    403: "Not allowed",
    404: "Not found",
    405: "Not that way",
    409: "Conflict",
    410: "Gone for good",
    413: "Too large",
    415: "Unknown kind",
    421: "Unknown host",
    422: "Cannot be used",
    429: "Too many requests",
    500: "Failed on our side",
    501: "Not built yet",
    502: "Failed behind us",
    503: "Briefly unavailable",
    504: "Too slow behind us",
}
"""Status to the title of its problems."""


def problem_document(problem: Problem, request_id: str) -> dict[str, Any]:
    """The members of an RFC 9457 document; `code` is the stable name and `type` points to its documentation."""
    return {
        "type": f"/docs/problems#{problem.code}",
        "title": TITLES[problem.status],
        "status": problem.status,
        "detail": problem.message,
        "code": problem.code,
        "request_id": request_id,
        **({"details": problem.details} if problem.details else {}),
    }


def openai_document(problem: Problem) -> dict[str, Any]:
    """OpenAI's error object, as its clients parse it."""
    kind = {
        401: "authentication_error",
        402: "insufficient_quota",
        403: "permission_error",
        429: "rate_limit_error",
    }
    fallback = "invalid_request_error" if problem.status < 500 else "server_error"
    return {
        "error": {
            "message": problem.message,
            "type": kind.get(problem.status, fallback),
            "param": problem.details.get("param"),
            "code": problem.code,
        }
    }


def anthropic_document(problem: Problem, request_id: str = "") -> dict[str, Any]:
    """Anthropic's error object, as its clients parse it."""
    kind = {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
    }
    fallback = "invalid_request_error" if problem.status < 500 else "api_error"
    said = {"type": kind.get(problem.status, fallback), "message": problem.message, "code": problem.code}
    return {
        "type": "error",
        "error": {**said, "param": problem.details.get("param")},
        "request_id": request_id or None,
    }


def speaks_anthropic(path: str, headers: Mapping[str, str]) -> bool:
    """Whether a caller of the model API speaks Anthropic's language: by the address, or by the header its clients send."""
    return path.startswith(("/anthropic/", "/v1/messages")) or (
        path.startswith("/v1/models") and "anthropic-version" in headers
    )


def problem_headers(problem: Problem) -> dict[str, str]:
    """Headers every shape carries: Retry-After where it helps, and never a cached error."""
    headers = {"cache-control": "no-store"}
    if problem.retry_after is not None or problem.status == 429:
        headers["retry-after"] = str(problem.retry_after or 1)
    return headers | {name.decode(): value.decode() for name, value in problem.headers}


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks, which shows pages. Programs, and scripts of our own pages, want documents."""
    asks = "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers
    return asks and not request.url.path.startswith("/api/")


def problem_response(request: Request, problem: Problem) -> Response:
    """The reply for a problem, in the shape this caller understands."""
    request_id = str(request.scope.get("request_id", ""))
    headers = problem_headers(problem)
    if request.url.path.startswith(("/v1/", "/anthropic/")):
        said = (
            anthropic_document(problem, request_id)
            if speaks_anthropic(request.url.path, request.headers)
            else openai_document(problem)
        )
        return Response(json.dumps(said).encode(), problem.status, headers, media_type="application/json")
    if wants_page(request):
        if isinstance(problem, Unauthenticated) and request.method == "GET":
            return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303, headers)
        if isinstance(problem, TenantClosed) and request.url.path.startswith("/app"):
            return RedirectResponse("/closed", 303, headers)
        # What the edge itself refuses never reached the application, and has no pages.
        page: HtmlPage | None = getattr(
            getattr(request.scope.get("app"), "state", None), "problem_page", None
        )
        if page is not None:
            response = page(request, problem)
            response.headers.update(headers)
            return response
    body = json.dumps(problem_document(problem, request_id)).encode()
    return Response(body, problem.status, headers, media_type="application/problem+json")
