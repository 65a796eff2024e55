"""Plans under /v1: calls a month, requests a minute, and going to another plan with the operator's command."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from callmissed.billing import PLANS, Quotas, calls_this_month, plan_named
from callmissed.billing.problems import PlanUsedUp
from callmissed.billing.quotas import seconds_until_next_month
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import workspaces
from callmissed.identity.team_problems import WorkspaceNotYours
from tests.rooms.gateway.conftest import OpenShop, Shop

EMBED: dict[str, Any] = {"model": "local/lexical", "input": "Namaste"}
FREE = plan_named("free")


async def ask(base_url: str, shop: Shop) -> httpx.Response:
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as client:
        return await client.post(
            "/v1/embeddings", json=EMBED, headers={"authorization": f"Bearer {shop.key}"}
        )


async def put(services: Services, shop: Shop, plan: str) -> None:
    async with services.db.tenant(shop.books) as tx:
        await workspaces.put_on_plan(tx, plan)


async def made_before(
    services: Services, shop: Shop, calls: int, *, months: int = 0, status: str = "ok"
) -> None:
    """So many calls, like the first one, so many months ago."""
    async with services.db.tenant(shop.access) as tx:
        await tx.session.execute(
            text(
                "INSERT INTO usage_record SELECT made.* FROM"
                " (SELECT * FROM usage_record WHERE tenant_id = :tenant LIMIT 1) AS u"
                " CROSS JOIN (SELECT gen_random_uuid() AS id FROM generate_series(1, :calls)) AS n"
                " CROSS JOIN LATERAL jsonb_populate_record(NULL::usage_record, to_jsonb(u) || jsonb_build_object("
                "'id', n.id, 'price_micro', 0, 'status', CAST(:status AS text),"
                " 'at', u.at - make_interval(months => :months))) AS made"
            ),
            {"calls": calls, "months": months, "status": status, "tenant": shop.access.tenant_id},
        )


@pytest.fixture
async def full(services: Services, open_shop: OpenShop, base_url: str) -> Shop:
    """A shop on the free plan that has made all of its calls but one."""
    shop = await open_shop("5")
    await put(services, shop, "free")
    assert (await ask(base_url, shop)).status_code == 200
    assert FREE.calls
    await made_before(services, shop, FREE.calls - 2)
    services.put(Quotas(services.db))  # as after a start
    return shop


async def test_the_last_call_of_a_plan_is_answered_and_no_other(
    full: Shop, base_url: str, services: Services, open_shop: OpenShop
) -> None:
    quotas = services.get(Quotas)
    await quotas.take(full.access.tenant_id, PLANS["enterprise"])  # counts nothing
    assert (await ask(base_url, full)).status_code == 200  # and has it counted
    await quotas.stop()
    over = await ask(base_url, full)
    assert (over.status_code, over.json()["error"]["code"]) == (429, "plan_used_up")
    assert 0 < int(over.headers["retry-after"]) <= 31 * 86_400 + 1
    assert (await ask(base_url, await open_shop("5"))).status_code == 200
    assert await full.adds_up()


async def test_a_larger_plan_lets_it_go_on(full: Shop, base_url: str, services: Services) -> None:
    assert (await ask(base_url, full)).status_code == 200
    await services.get(Quotas).stop()
    assert (await ask(base_url, full)).status_code == 429
    await put(services, full, "pro")
    async with asyncio.timeout(5):
        while (reply := await ask(base_url, full)).status_code != 200:
            await asyncio.sleep(0.1)
    assert f'"requests";q={PLANS["pro"].requests_per_minute};w=60' in reply.headers["ratelimit-policy"]


async def test_failures_and_other_months_do_not_count(
    services: Services, open_shop: OpenShop, base_url: str
) -> None:
    shop = await open_shop("5")
    assert (await ask(base_url, shop)).status_code == 200
    await made_before(services, shop, 3, months=1)
    await made_before(services, shop, 2, status="failed")
    async with services.db.tenant(shop.access) as tx:
        assert await calls_this_month(tx) == 1


async def test_nobody_is_refused_by_an_old_count(full: Shop, services: Services) -> None:
    quotas, tenant = services.get(Quotas), full.access.tenant_id
    await quotas.take(tenant, FREE)
    await quotas.stop()
    known = quotas._known[tenant]
    known.used = FREE.calls or 0
    await quotas.take(tenant, FREE)
    assert known.used == FREE.calls
    await made_before(services, full, 1)
    with pytest.raises(PlanUsedUp):
        await quotas.take(tenant, FREE)


def test_a_month_ends() -> None:
    assert 0 < seconds_until_next_month() <= 31 * 86_400 + 1


async def test_a_workspace_that_is_not_there_has_no_plan(services: Services) -> None:
    with pytest.raises(WorkspaceNotYours):
        async with services.db.tenant(Access.system(uuid7())) as tx:
            await workspaces.put_on_plan(tx, "pro")
