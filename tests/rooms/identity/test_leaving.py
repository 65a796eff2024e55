"""Leaving: closed at once and everywhere, opened again as it was, erased in the end, with receipts."""

import asyncio
import inspect
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.app.rooms import routers
from callmissed.billing import purse
from callmissed.foundation import clock, jobs, live
from callmissed.foundation.clock import IST
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import TenantClosed
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import PAST_CLOSED_DOORS, Access
from callmissed.identity import KeyRing, children, create_key, leaving, recovery, sessions
from callmissed.identity.problems import KeyRevoked, NotClosed, OwnsWorkspace, WorkspaceClosed
from callmissed.identity.repository import closing as closing_sql
from callmissed.identity.tasks import closing_notices, erase_closed
from tests.support.closing import (
    Firm,
    close,
    every_row,
    firm_at_work,
    recovering,
    rows_left,
    signed_in,
)
from tests.support.mailbox import newest_letter
from tests.support.people import address, teammate_of, workspace_of_someone
from tests.support.signed_in import token_of

pytestmark = pytest.mark.database


@pytest.fixture
async def firm(services: Services) -> Firm:
    """A workspace with something of everything."""
    return await firm_at_work(services)


# Closed


async def test_every_door_of_a_closed_workspace_answers_closed(
    services: Services, app: ASGIApp, installation: Installation, firm: Firm
) -> None:
    cookies = await signed_in(services, firm.owner)
    await services.get(KeyRing).resolve(firm.secret)
    before = await every_row(services, firm.tenant_id)
    await close(services, firm.owner)
    transport = httpx.ASGITransport(app=app)
    tried = 0
    async with httpx.AsyncClient(
        transport=transport, base_url=installation.settings.public_url, cookies=cookies
    ) as caller:
        for router in routers(production=False):
            for route, rule in getattr(router, "rules", {}).items():
                method, path = route.split(" ")
                if path.startswith("/operator") or (rule.is_public and "{widget_id}/" not in path):
                    continue
                address = re.sub(
                    r"\{(\w+)\}",
                    lambda name: firm.widget_id if name[1] == "widget_id" else str(uuid7()),
                    path,
                )
                headers = {"authorization": f"Bearer {firm.visitor_token}"} if "widget" in path else {}
                answer = await caller.request(
                    method, address, headers=headers, json={} if "widget" in path else None
                )
                if answer.status_code == 422 and "widget" in path:
                    body = {"text": "hello", "client_ref": "12345678"}
                    answer = await caller.request(method, address, headers=headers, json=body)
                assert (answer.status_code, answer.json()["code"]) == (403, "workspace_closed"), route
                tried += 1
        key = {"authorization": f"Bearer {firm.secret}"}
        asked = {"model": "local/extractive", "messages": [{"role": "user", "content": "When?"}]}
        for method, path in (("POST", "/v1/chat/completions"), ("GET", "/v1/models")):
            answer = await caller.request(method, path, headers=key, json=asked)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "workspace_closed")
    assert tried > 20
    after = await every_row(services, firm.tenant_id)
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}


async def test_every_job_with_a_tenant_is_refused(services: Services, firm: Firm) -> None:
    await close(services, firm.owner)
    asked = {
        "tenant_id": firm.tenant_id,
        "conversation_id": firm.conversation_id,
        "message_id": firm.message_id,
    }
    refused = 0
    for job in jobs.declared():
        wanted = inspect.signature(job.run).parameters
        if "tenant_id" not in wanted:
            continue
        with pytest.raises(TenantClosed):
            await job.run(
                services, **{name: str(asked.get(name, uuid7())) for name in wanted if name != "services"}
            )
        refused += 1
    assert refused >= 2


async def test_the_worker_leaves_a_closed_tenants_job_undone(
    services: Services, installation: Installation
) -> None:
    firm = await firm_at_work(services)
    await close(services, firm.owner)
    before = await every_row(services, firm.tenant_id)
    await jobs.Worker(installation.data_plane("cm_worker").psycopg, services).run_due()
    assert await every_row(services, firm.tenant_id) == before, "the reply that was queued is not given"


async def test_no_purpose_of_service_enters(services: Services, firm: Firm) -> None:
    await close(services, firm.owner)
    for purpose in ("service", "billing", "anything"):
        with pytest.raises(TenantClosed):
            async with services.db.tenant(Access.system(firm.tenant_id, purpose)):
                pass
    for purpose in PAST_CLOSED_DOORS:
        async with services.db.tenant(Access.system(firm.tenant_id, purpose)):
            pass


async def test_streams_and_remembered_keys_end_within_a_second(services: Services, firm: Firm) -> None:
    ring = services.get(KeyRing)
    await ring.resolve(firm.secret)

    async def listen() -> None:
        async for _ in services.live.listen("nothing", bound_to=firm.owner.bound_to):
            pass

    reading = asyncio.create_task(listen())
    await asyncio.sleep(0)
    await close(services, firm.owner)
    async with asyncio.timeout(1):
        await reading
        while True:
            try:
                await ring.resolve(firm.secret)
            except WorkspaceClosed:
                break
            await asyncio.sleep(0.005)
        async for _ in services.live.listen("nothing", bound_to=firm.owner.bound_to):
            pass  # let in before, begun to listen after: it ends as well


async def test_a_stream_of_one_session_ends_with_it(services: Services, firm: Firm) -> None:
    mine, other = uuid7(), uuid7()
    open_streams = {each: services.live.listen("n", bound_to=[each]) for each in (mine, other)}
    waiting = {each: asyncio.ensure_future(anext(stream, None)) for each, stream in open_streams.items()}
    await asyncio.sleep(0)
    async with services.db.control() as tx:
        await live.end(tx, mine)
    assert await asyncio.wait_for(waiting[mine], 1) is None
    assert not waiting[other].done()
    waiting[other].cancel()


async def test_only_the_one_who_closed_it_opens_it_again(services: Services, firm: Firm) -> None:
    await close(services, firm.owner)
    stranger = Access(firm.tenant_id, Access.system(firm.tenant_id).actor, frozenset({"*"}), "recovery")
    with pytest.raises(NotClosed):
        async with services.db.tenant(stranger) as tx:
            await leaving.reopen_workspace(tx)


# Opened again


async def test_opened_again_it_is_row_for_row_what_it_was(services: Services, firm: Firm) -> None:
    before = await every_row(services, firm.tenant_id)
    assert sum(len(rows) for rows in before.values()) > 10
    await close(services, firm.owner)
    with clock.travel(days=29):
        await closing_notices(services)
        await erase_closed(services)
        async with services.db.tenant(recovering(firm.owner)) as tx:
            await leaving.reopen_workspace(tx)
    assert await every_row(services, firm.tenant_id) == before
    assert (await services.get(KeyRing).resolve(firm.secret)).tenant_id == firm.tenant_id
    async with services.db.tenant(firm.owner) as tx:
        assert (await purse(tx)).balance_micro > 0
    before = await every_row(services, firm.tenant_id)  # the key has been used since
    with clock.travel(days=90):
        await closing_notices(services)
        await erase_closed(services)
    assert await every_row(services, firm.tenant_id) == before, "what was opened again is not erased"


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 14 * 366 * 86_400))
def test_thirty_whole_days_end_at_midnight_in_india(second: int) -> None:
    closed_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    end = recovery.ends_at(closed_at)
    assert timedelta(days=30) <= end - closed_at <= timedelta(days=31)
    assert end.astimezone(IST).time().isoformat() == "00:00:00"
    assert recovery.last_day(end) == closed_at.astimezone(IST).date() + timedelta(days=30)
    assert end - recovery.NOTICES["week"] > closed_at


async def test_it_can_be_opened_until_the_last_second_and_not_after(services: Services, firm: Firm) -> None:
    closing = await close(services, firm.owner)
    left = (closing.ends_at - clock.now()).total_seconds()
    for notice in (7 * 86_400, 2 * 86_400):
        with clock.travel(seconds=left - notice + 1):
            await closing_notices(services)
    with clock.travel(seconds=left - 30):
        await erase_closed(services)
        async with services.db.tenant(recovering(firm.owner)) as tx:
            assert await closing_sql.open_closing(tx, firm.tenant_id)
        assert not await rows_were_removed(services, firm)
    with clock.travel(seconds=left + 1):
        await erase_closed(services)
        with pytest.raises(NotClosed):
            async with services.db.tenant(recovering(firm.owner)) as tx:
                await leaving.reopen_workspace(tx)


async def rows_were_removed(services: Services, firm: Firm) -> bool:
    return not await rows_left(services, firm.tenant_id)


# Notices


async def test_the_owner_is_told_when_it_closes_a_week_before_and_two_days_before(
    services: Services, firm: Firm
) -> None:
    closing = await close(services, firm.owner)
    first = await newest_letter(services, firm.email)
    assert "/not-me/" in first.letter.text
    left = (closing.ends_at - clock.now()).total_seconds()
    for days, word in ((7, "In a week"), (2, "In two days")):
        with clock.travel(seconds=left - days * 86_400 - 60):
            await closing_notices(services)
            assert word not in (await newest_letter(services, firm.email)).letter.text, "not early"
        with clock.travel(seconds=left - days * 86_400 + 1):
            await asyncio.gather(closing_notices(services), closing_notices(services))
            assert word in (await newest_letter(services, firm.email)).letter.text


async def test_after_a_long_standstill_the_last_notice_still_comes_48_hours_before(
    services: Services, firm: Firm
) -> None:
    await close(services, firm.owner)
    with clock.travel(days=40):
        await erase_closed(services)
        assert await rows_left(services, firm.tenant_id), "not erased before anybody was told"
        await closing_notices(services)
        await erase_closed(services)
        assert await rows_left(services, firm.tenant_id)
    with clock.travel(days=42, seconds=60):
        await erase_closed(services)
    assert await rows_left(services, firm.tenant_id) == {}


# One person


async def test_an_owner_cannot_just_leave(services: Services, firm: Firm) -> None:
    owner = firm.owner.actor.id
    assert owner
    with pytest.raises(OwnsWorkspace):
        async with services.db.tenant(firm.owner) as tx:
            await leaving.leave_workspace(tx, owner)
    with pytest.raises(OwnsWorkspace):
        async with services.db.control() as tx:
            await leaving.close_account(tx, owner)


async def test_whoever_leaves_takes_their_keys_along_and_goes_on_elsewhere(
    services: Services, firm: Firm
) -> None:
    email = address()
    mate = await teammate_of(services, firm.owner, "developer", email)
    assert mate.actor.id
    async with services.db.tenant(mate) as tx:
        made = await create_key(tx, "mine")
    other = await workspace_of_someone(services)
    await teammate_of(services, other, "teammate", email)
    token = await token_of(services, mate)
    async with services.db.tenant(mate) as tx:
        assert await leaving.leave_workspace(tx, mate.actor.id) == other.tenant_id
    with pytest.raises(KeyRevoked):
        await services.get(KeyRing).resolve(made.secret)
    async with services.db.control() as tx:
        here = await sessions.current(tx, token)
    assert here
    assert here.tenant_id == other.tenant_id
    await leaving.leave_everything(services.db, mate.actor.id)
    async with services.db.control() as tx:
        await leaving.close_account(tx, mate.actor.id)


async def test_with_an_erased_account_go_the_keys_it_made(services: Services, firm: Firm) -> None:
    """A child's account is closed and erased at once; nobody has left first."""
    email = address()
    mate = await teammate_of(services, firm.owner, "developer", email)
    async with services.db.tenant(mate) as tx:
        made = await create_key(tx, "a child's")
    await services.get(KeyRing).resolve(made.secret)
    async with services.db.control() as tx:
        signal = await children.report(tx, email)
        await children.settle(tx, signal.id, is_child=True)
    with clock.travel(seconds=60):
        await erase_closed(services)
    with pytest.raises(KeyRevoked):
        await services.get(KeyRing).resolve(made.secret)


def test_ids() -> None:
    """What a caller has open is bound to its tenant, its session and itself."""
    session = uuid7()
    access = Access(UUID(int=5), Access.system(UUID(int=5)).actor, session_id=session)
    assert access.bound_to == (UUID(int=5), session)
