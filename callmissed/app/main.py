"""The web application: every room's routes behind one edge."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException  # house: http-exception caught here, and turned into a Problem
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from callmissed import __version__
from callmissed.app.rooms import PAGE_ROOMS, routers
from callmissed.app.settings import Settings
from callmissed.dashboard import proof_page
from callmissed.foundation.access_log import AccessLog
from callmissed.foundation.http import Edge, EdgeLimits, problem_response
from callmissed.foundation.pages import Pages, render
from callmissed.foundation.problems import Forbidden, Invalid, Malformed, NotFound, Problem, ProofNeeded
from callmissed.foundation.services import Services
from callmissed.gateway import PREFIXES, Surface

MEGABYTE = 1_000_000
LARGER = (
    ("/app/knowledge", 21 * MEGABYTE), ("/v1/files", 21 * MEGABYTE),
    ("/v1/audio/", 26 * MEGABYTE), ("/app/playground/speech", 26 * MEGABYTE),
)  # fmt: skip
"""Addresses that take files. 25 MB of sound, 20 MB of a batch or a document, and what is around them."""


class Front:
    """Sends the model API to the gateway's own surface, and everything else to the pages: the hot path meets no router."""

    def __init__(self, surface: ASGIApp, pages: ASGIApp) -> None:
        self._surface = surface
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose by path."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIXES):
            await self._surface(scope, receive, send)
        else:
            await self._pages(scope, receive, send)


def create_app(services: Services, settings: Settings) -> ASGIApp:
    """The application over these services. One process, one call."""
    return behind_edge(create_pages_app(services, settings), services, settings)


def behind_edge(pages: ASGIApp, services: Services, settings: Settings) -> ASGIApp:
    """The pages, with the gateway beside them, behind the edge."""
    limits = EdgeLimits(
        hosts=settings.hosts,
        body_limit=MEGABYTE,
        body_limits=(*((each, 10 * MEGABYTE) for each in PREFIXES), *LARGER),
        open_prefixes=(*PREFIXES, "/widget/"),
        secure=settings.production,
    )
    return Edge(Front(Surface(services), pages), limits, services.get(AccessLog))


def create_pages_app(services: Services, settings: Settings) -> FastAPI:
    """Pages and the management API: FastAPI with the house's routers, problems and templates."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield

    app = FastAPI(
        title="CallMissed",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.services = services
    app.state.problem_page = problem_page
    Pages(list(PAGE_ROOMS), production=settings.production).install(app)
    include(app, routers(production=settings.production))
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _problem)  # the edge writes it down
    return app


def include(app: FastAPI, all_routers: Iterable[APIRouter]) -> None:
    """Add every room's router."""
    for router in all_routers:
        app.include_router(router)


def problem_page(request: Request, problem: Problem) -> Response:
    """The page of a problem; a proof is asked for on a page of its own, from which one goes on."""
    if isinstance(problem, ProofNeeded):
        return proof_page(request, problem)
    return render(request, "problem.html", status_code=problem.status, problem=problem)


async def _problem(request: Request, failure: Exception) -> Response:
    return problem_response(request, failure if isinstance(failure, Problem) else Problem())


async def _invalid(request: Request, failure: Exception) -> Response:
    """Name the fields, never their values: what was typed may be personal."""
    errors: list[dict[str, Any]] = (
        list(failure.errors()) if isinstance(failure, RequestValidationError) else []
    )
    if any(error["type"] == "json_invalid" for error in errors):
        return problem_response(request, Malformed())
    fields = {".".join(str(part) for part in error["loc"][1:]): error["msg"] for error in errors}
    return problem_response(request, Invalid(fields=fields))


async def _http(request: Request, failure: Exception) -> Response:
    """Starlette's own refusals (no route, wrong method, malformed form) in the house's shape."""
    status = failure.status_code if isinstance(failure, HTTPException) else 500
    known: dict[int, type[Problem]] = {400: Malformed, 403: Forbidden, 404: NotFound, 405: MethodNotAllowed}
    reply = problem_response(request, known.get(status, Problem)())
    if isinstance(failure, HTTPException) and "Allow" in (failure.headers or {}):
        reply.headers["Allow"] = (failure.headers or {})["Allow"]  # RFC 9110 §15.5.6
    return reply


class MethodNotAllowed(Problem):
    """This address exists, but it cannot be used that way."""

    status = 405
    code = "method_not_allowed"
