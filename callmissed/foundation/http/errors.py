"""Problems on the wire: an HTML page for people, RFC 9457 for programs, OpenAI's shape under /v1."""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed.foundation.problems import Problem, Unauthenticated

log = logging.getLogger(__name__)

HtmlPage = Callable[[Request, Problem], Response]
"""Draws the page of a problem; offered by the pages module at start."""

TITLES = {
    400: "Malformed request",
    401: "Sign in first",
    402: "Payment required",
    403: "Not allowed",
    404: "Not found",
    409: "Conflict",
    413: "Too large",
    421: "Unknown host",
    422: "Cannot be used",
    429: "Too many requests",
    503: "Briefly unavailable",
}


def problem_document(problem: Problem, request_id: str) -> dict[str, Any]:
    """The members of an RFC 9457 document; `code` is the stable name and `type` points to its documentation."""
    return {
        "type": f"/docs/problems#{problem.code}",
        "title": TITLES.get(problem.status, "Error"),
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


def problem_headers(problem: Problem) -> dict[str, str]:
    """Headers every shape carries: Retry-After where it helps, and never a cached error."""
    headers = {"cache-control": "no-store"}
    if problem.retry_after is not None or problem.status == 429:
        headers["retry-after"] = str(problem.retry_after or 1)
    return headers


def problem_response(request: Request, problem: Problem) -> Response:
    """The reply for a problem, in the shape this caller understands."""
    request_id = str(request.scope.get("request_id", ""))
    headers = problem_headers(problem)
    if request.url.path.startswith("/v1/"):
        body = json.dumps(openai_document(problem)).encode()
        return Response(body, problem.status, headers, media_type="application/json")
    if "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers:
        if isinstance(problem, Unauthenticated) and (problem.door or request.method == "GET"):
            return RedirectResponse(problem.door or f"/sign-in?next={quote(request.url.path)}", 303, headers)
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
