"""The access log: every call is in it once, nothing that was asked is, and it outlives a database that is away."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.access_log import AccessEntry, AccessLog
from callmissed.foundation.access_log.tasks import forget
from callmissed.foundation.access_log.writer import RETENTION_CLASS, day_of, route_of
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.postgres import ADMIN, DATABASE
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor
from callmissed.gateway import FAMILIES
from tests.support.people import workspace_of_someone
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database

ADDRESS = "203.0.113.7"


def call(path: str, access: Access | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "client": (ADDRESS, 4711),
        "access": access,
        **more,
    }


async def entries(services: Services, actor: UUID) -> list[dict[str, Any]]:
    async with services.db.control() as tx:
        found = await tx.session.execute(
            text("SELECT * FROM access_entry WHERE actor_id = :actor ORDER BY route, status"),
            {"actor": actor},
        )
        rows = [dict(row) for row in found.mappings()]
        for row in rows:
            row["address"] = await tx.vault.open(
                AccessEntry.address, row["id"], row["day_id"], row["address"]
            )
    return rows


async def test_calls_of_a_minute_are_one_entry_and_the_address_is_sealed(services: Services) -> None:
    log, actor = AccessLog(services.db, FAMILIES), uuid7()
    key = Access(uuid7(), Actor("key", actor), frozenset())
    for status in (200, 200, 429, 200):
        log.note(call("/v1/chat/completions", key), status)
    await log.write()
    rows = await entries(services, actor)
    found = [(row["route"], row["status"], row["times"], row["address"], row["actor_kind"]) for row in rows]
    assert [each[:2] for each in found] == [("/v1/chat", 200), ("/v1/chat", 429)]
    assert sum(each[2] for each in found) == 4 and {each[3:] for each in found} == {(ADDRESS, "key")}
    async with services.db.control() as tx:
        raw = "SELECT count(*) FROM access_entry WHERE position(CAST(:address AS bytea) IN address) > 0"
        assert await tx.session.scalar(text(raw), {"address": ADDRESS.encode()}) == 0


async def test_pages_and_refusals_are_in_it_by_their_declared_route(app: ASGIApp, services: Services) -> None:
    owner = await workspace_of_someone(services)
    async with browser_of(app, services, owner) as browser:
        await browser.get(f"/app/bots/{uuid7()}")
        await browser.get("/app/wallet")
    await services.get(AccessLog).write()
    rows = await entries(services, UUID(str(owner.actor.id)))
    assert {("/app/bots/{bot_id}", 404), ("/app/wallet", 200)} <= {
        (row["route"], row["status"]) for row in rows
    }


@pytest.mark.parametrize(
    ("path", "status", "route"),
    [
        ("/v1/chat/completions", 200, "/v1/chat"),
        ("/v1/models/asha@example.in", 200, "/v1/models"),
        ("/v1/asha@example.in", 404, "/v1/…"),
        ("/anthropic/v1/messages", 200, "/anthropic/messages"),
        ("/asha@example.in", 404, "/…"),
        ("/v1/asha@example.in", 401, "/v1/…"),
        ("/v1/asha@example.in", 413, "/v1/…"),
        ("/v1/\0", 413, "/v1/…"),
        ("/api/v1/asha", 413, "/api/…"),
    ],
)
def test_nothing_that_a_caller_made_up_is_written(path: str, status: int, route: str) -> None:
    assert route_of(call(path), status, FAMILIES) == route


async def test_strangers_are_in_it_too(app: ASGIApp, services: Services) -> None:
    transport = httpx.ASGITransport(app=app, client=("198.51.100.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url=services.base_url) as client:
        reply = await client.post(
            "/v1/chat/completions", headers={"authorization": "Bearer cm_wrong"}, json={}
        )
    assert reply.status_code == 401
    await services.get(AccessLog).write()
    async with services.db.control() as tx:
        tag = tx.vault.platform_index("access address", "198.51.100.9")
        found = "SELECT route, status, actor_kind FROM access_entry WHERE address_tag = :tag"
        rows = (await tx.session.execute(text(found), {"tag": tag})).all()
    assert [tuple(row) for row in rows] == [("/v1/…", 401, "nobody")]


async def test_what_has_no_room_is_counted_as_lost(services: Services) -> None:
    log, actor = AccessLog(services.db, most_waiting=1), uuid7()
    key = Access(uuid7(), Actor("key", actor), frozenset())
    for status in (200, 200, 402, 403):
        log.note(call("/v1/chat/completions", key), status)
    await log.begin()
    await log.stop()
    assert log.lost == 3, "the room is for one, and the line of the beginning finds none"
    assert [row["times"] for row in await entries(services, actor)] == [2]


async def test_what_cannot_be_written_waits(services: Services, installation: Installation) -> None:
    log, actor = AccessLog(services.db), uuid7()
    log.note(call("/v1/chat/completions", Access(uuid7(), Actor("key", actor), frozenset())), 200)
    dsn = installation.data.dsn(ADMIN, DATABASE).psycopg
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as admin:
        await admin.execute("REVOKE INSERT ON access_entry FROM cm_app, cm_worker")
        try:
            with pytest.raises(DBAPIError):
                await log.write()
        finally:
            await admin.execute("GRANT INSERT ON access_entry TO cm_app, cm_worker")
    await log.write()
    await log.write()
    assert [row["times"] for row in await entries(services, actor)] == [1]


async def test_the_key_of_a_day_goes_when_its_entries_have_gone(services: Services) -> None:
    old, new = (day_of(clock.today() - timedelta(days=days)) for days in (368, 3))
    for each in (old, new):
        await services.vault.person(PLATFORM, each, RETENTION_CLASS)
    await forget(services)
    assert not await services.vault.key_ids(PLATFORM, old)
    assert await services.vault.key_ids(PLATFORM, new)


async def test_entries_can_be_added_and_read_but_not_changed(services: Services) -> None:
    for deed in ("UPDATE access_entry SET times = 0", "DELETE FROM access_entry"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with services.db.control() as tx:
                await tx.session.execute(text(deed))


async def test_a_call_that_nobody_let_in_neither_stops_the_log_nor_writes_into_it(
    app: ASGIApp, services: Services
) -> None:
    transport = httpx.ASGITransport(app=app, client=("198.51.100.77", 1))
    async with httpx.AsyncClient(transport=transport, base_url=services.base_url) as client:
        for path in ("/v1/%00", "/v1/asha@example.in", "/v1/chat%0d%0a"):
            reply = await client.request("POST", path, headers={"content-length": "99999999999"})
            assert reply.status_code == 413
    await services.get(AccessLog).write()
    async with services.db.control() as tx:
        tag = tx.vault.platform_index("access address", "198.51.100.77")
        found = await tx.session.execute(
            text("SELECT route, times FROM access_entry WHERE address_tag = :tag"), {"tag": tag}
        )
        assert [tuple(row) for row in found] == [("/v1/…", 3)]


async def test_one_entry_that_cannot_be_written_is_lost_alone(services: Services) -> None:
    log, actor = AccessLog(services.db, FAMILIES), uuid7()
    key = Access(uuid7(), Actor("key", actor), frozenset())
    log.note(call("/v1/chat/completions", key), 200)
    log.note(call("/v1/models", key), 70_000)
    await log.write()
    assert log.lost == 1
    assert [row["route"] for row in await entries(services, actor)] == ["/v1/chat"]
