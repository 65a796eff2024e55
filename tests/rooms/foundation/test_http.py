"""The edge: declared access, commit before reply, limits, cross-site writes, unknown hosts, one shape for problems."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from callmissed.app.main import create_pages_app
from callmissed.app.settings import Settings
from callmissed.foundation.database import Tx
from callmissed.foundation.http import ControlTx, Edge, EdgeLimits, Router, event_stream, public, signed_in
from callmissed.foundation.http.router import UndeclaredAccess
from callmissed.foundation.problems import Conflict
from callmissed.foundation.services import Services

pytestmark = pytest.mark.database

router = Router()


@router.get("/probe/tx", access=public())
async def in_transaction(tx: ControlTx) -> Response:
    """Answers in a transaction."""
    return JSONResponse({"one": (await tx.session.execute(text("SELECT 1"))).scalar_one()})


@router.post("/probe/failing-commit", access=public())
async def failing_commit(tx: ControlTx) -> Response:
    """Answers 200, but its commit fails on a deferred constraint."""
    await tx.session.execute(text("CREATE TEMP TABLE probe_parent (id int PRIMARY KEY) ON COMMIT DROP"))
    await tx.session.execute(
        text(
            "CREATE TEMP TABLE probe (id int REFERENCES probe_parent DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"
        )
    )
    await tx.session.execute(text("INSERT INTO probe VALUES (1)"))
    return JSONResponse({"committed": True})


@router.get("/probe/conflict", access=public())
async def conflict() -> Response:
    """Raises a problem."""
    raise Conflict


@router.get("/probe/crash", access=public())
async def crash() -> Response:
    """Raises what nobody expected, with a secret in its text."""
    message = "asha@canary.example called"
    raise RuntimeError(message)


@router.get("/probe/private", access=signed_in())
async def private() -> Response:
    """Needs a session."""
    return JSONResponse({})


@router.post("/probe/echo", access=public())
async def echo(request: Request) -> Response:
    """Reads the whole body."""
    return JSONResponse({"bytes": len(await request.body())})


@router.get("/probe/endless", access=public())
async def endless() -> Response:
    """A stream of events without an end."""

    async def events() -> AsyncGenerator[tuple[str, str]]:
        while True:
            yield "news", ""
            await asyncio.sleep(0.01)

    return event_stream(events())


@pytest.fixture
async def probe(services: Services) -> AsyncGenerator[httpx.AsyncClient]:
    """The application with these routes behind the real edge."""
    pages: FastAPI = create_pages_app(services, Settings())
    pages.include_router(router)
    edge = Edge(pages, EdgeLimits(hosts=frozenset({"here.example"}), body_limit=1000))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=edge, raise_app_exceptions=False), base_url="http://here.example"
    ) as client:
        yield client


def test_a_route_without_access_does_not_register() -> None:
    """Neither through the house's decorator nor past it."""
    bare: Router = Router()
    with pytest.raises(UndeclaredAccess):
        bare.add_api_route("/open", private)
    with pytest.raises(TypeError):
        bare.get("/open")  # pyright: ignore[reportCallIssue] the library's types say less than is true


async def test_a_failing_commit_is_not_a_success(probe: httpx.AsyncClient) -> None:
    """The commit comes before the reply, so its failure is what the client sees."""
    assert (await probe.get("/probe/tx")).json() == {"one": 1}
    reply = await probe.post("/probe/failing-commit")
    assert reply.status_code == 500
    assert reply.json()["code"] == "internal"


async def test_problems_have_one_shape_and_no_inner_text(
    probe: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 9457 for programs; what crashed is named by type only, in the reply and in the log."""
    reply = await probe.get("/probe/conflict")
    assert reply.status_code == 409
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "conflict"
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    crashed = await probe.get("/probe/crash")
    assert crashed.status_code == 500
    assert "canary" not in crashed.text
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


async def test_people_get_a_page_and_the_way_to_sign_in(probe: httpx.AsyncClient) -> None:
    """HTML where HTML is accepted; a private page sends to sign-in and remembers the place."""
    html = {"accept": "text/html"}
    page = await probe.get("/nowhere", headers=html)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    sent = await probe.get("/probe/private", headers=html)
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/probe/private")
    assert (await probe.get("/probe/private")).status_code == 401


async def test_bodies_are_limited_by_header_and_by_count(probe: httpx.AsyncClient) -> None:
    """A stated size is refused at once, an unstated one as soon as it is exceeded."""
    assert (await probe.post("/probe/echo", content=b"x" * 1000)).json() == {"bytes": 1000}
    assert (await probe.post("/probe/echo", content=b"x" * 1001)).status_code == 413

    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    assert (await probe.post("/probe/echo", content=chunks())).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "null"},
    ],
)
async def test_cross_site_writes_are_refused(probe: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Browsers say where a request comes from; reads and programs are not hindered."""
    assert (await probe.post("/probe/echo", headers=headers)).status_code == 403
    assert (await probe.get("/probe/tx", headers=headers)).status_code == 200
    own = {"origin": "http://here.example", "sec-fetch-site": "same-origin"}
    assert (await probe.post("/probe/echo", headers=own)).status_code == 200


async def test_unknown_hosts_are_refused(probe: httpx.AsyncClient) -> None:
    """A rebinding name gets nothing."""
    assert (await probe.get("/probe/tx", headers={"host": "evil.example"})).status_code == 421


async def test_every_reply_carries_the_security_headers(probe: httpx.AsyncClient) -> None:
    """Errors included."""
    for path in ("/probe/tx", "/probe/crash", "/nowhere"):
        headers = (await probe.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_the_tenant_does_not_outlive_its_transaction(
    services: Services, make: Callable[..., Awaitable[Tx]]
) -> None:
    """After the transaction the connection of the pool knows no tenant."""
    access = make.access()  # pyright: ignore[reportFunctionMemberAccess] the library's types say less than is true
    async with services.db.tenant(access) as tx:
        assert (await tx.session.execute(text("SELECT cm.tenant()"))).scalar_one() == access.tenant_id
    for _ in range(20):
        async with services.db.control() as tx:
            assert (await tx.session.execute(text("SELECT cm.tenant()"))).scalar_one() is None


@pytest.mark.parametrize(
    "path", ["/probe/tx", "/probe/conflict", "/nowhere", "/probe/crash", "/probe/endless"]
)
async def test_head_says_what_get_would_without_its_content(probe: httpx.AsyncClient, path: str) -> None:
    """RFC 9110 §9.3.2, also of errors and of streams that never end."""
    reply = await probe.head(path)
    assert reply.content == b""
    if path != "/probe/endless":
        whole = await probe.get(path)
        assert (reply.status_code, reply.headers.keys()) == (whole.status_code, whole.headers.keys())
        assert reply.headers["content-type"] == whole.headers["content-type"]
    else:
        assert (reply.status_code, reply.headers["content-type"][:17]) == (200, "text/event-stream")


async def test_a_wrong_method_is_told_the_right_ones(probe: httpx.AsyncClient) -> None:
    """RFC 9110 §15.5.6."""
    reply = await probe.post("/probe/tx")
    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET"
