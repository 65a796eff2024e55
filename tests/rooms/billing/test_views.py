"""What billing tells its readers: statements and usage reports, by the Indian clock, of one tenant alone."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from callmissed.billing import (
    Ledger,
    Usage,
    UsageFilter,
    entries,
    requests,
    statement,
    usage_report,
    usage_span,
)
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import RUPEE
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from tests.rooms.billing.conftest import Rich

pytestmark = pytest.mark.database

NOW = timedelta()


def ref_of(ago: timedelta) -> UUID:
    """A reference made so long ago: the time of an entry is the time in its reference."""
    milliseconds = int((clock.now() - ago).timestamp() * 1000)
    return UUID(int=milliseconds << 80 | uuid7().int & ((1 << 80) - 1))


async def spend(
    ledger: Ledger, access: Access, amount: int, ago: timedelta = NOW, *, model: str = "m", **more: Any
) -> None:
    """One request that cost so many micro-rupees."""
    ref = ref_of(ago)
    figures: dict[str, Any] = {"status": "ok", "http_status": 200, "admit_us": 300, "reserve_us": 700, **more}
    await ledger.reserve(access.tenant_id, ref, max(1, amount))
    usage = Usage(endpoint="chat.completions", model=model, upstream="local", region="IN", **figures)
    await ledger.settle(access.tenant_id, ref, amount, usage)


def wanted(days: int = 30, **more: Any) -> UsageFilter:
    return UsageFilter(*usage_span(days), **more)


async def test_a_statement_tells_usage_by_the_hour_and_credits_by_themselves(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("10")
    await spend(ledger, access, RUPEE, timedelta(days=2))
    await spend(ledger, access, RUPEE, timedelta(days=2))
    await spend(ledger, access, 3 * RUPEE)
    async with services.db.tenant(access) as tx:
        told = await statement(tx)
        usage = await statement(tx, only="usage")
        credit = await statement(tx, only="credit")
        last = await statement(tx, limit=1)
    assert [(line.kind, line.amount_micro // RUPEE, line.balance_micro // RUPEE) for line in told.lines] == [
        ("usage", -3, 5),
        ("grant", 10, 8),
        ("usage", -2, -2),
    ]
    newest = told.lines[0]
    assert newest.began <= clock.now() < newest.ended == newest.began + timedelta(hours=1)
    assert newest.began.astimezone(clock.IST).minute == 0, "an hour of the Indian clock"
    assert told.lines[2].requests == 2
    assert (told.entries, told.adds_up, sum(day.spent_micro for day in told.days)) == (4, True, 5 * RUPEE)
    assert [line.balance_micro for line in usage.lines] == [5 * RUPEE, -2 * RUPEE], "of the whole ledger"
    assert [line.kind for line in credit.lines] == ["grant"]
    assert last.lines == told.lines[:1]


async def test_days_begin_at_midnight_in_india(ledger: Ledger, rich: Rich, services: Services) -> None:
    access = await rich("10")
    into_the_day = clock.now().astimezone(clock.IST)
    since_midnight = into_the_day.hour * 3600 + into_the_day.minute * 60 + into_the_day.second
    await spend(ledger, access, RUPEE, timedelta(seconds=since_midnight + 60))
    await spend(ledger, access, 2 * RUPEE)
    async with services.db.tenant(access) as tx:
        told, report = await statement(tx), await usage_report(tx, wanted())
    today = clock.today()
    assert [(day.on, day.spent_micro // RUPEE) for day in told.days] == [
        (today - timedelta(days=1), 1),
        (today, 2),
    ]
    assert [
        (cost.began.astimezone(clock.IST).date(), cost.amount_micro // RUPEE) for cost in report.costs
    ] == [
        (today - timedelta(days=1), 1),
        (today, 2),
    ]


async def test_a_report_counts_what_was_chosen_now_and_before(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    key = uuid7()
    await spend(ledger, access, 4 * RUPEE, timedelta(days=8), model="a")
    await spend(ledger, access, 9 * RUPEE, timedelta(days=8), model="b")
    await spend(ledger, access, 2 * RUPEE, model="a", first_token_ms=20)
    await spend(ledger, access, RUPEE, model="b", key_id=key, first_token_ms=40)
    await spend(ledger, access, 0, model="b", status="failed", http_status=502, problem="upstream_broken")
    async with services.db.tenant(access) as tx:
        everything = await usage_report(tx, wanted(7))
        of_a = (await usage_report(tx, wanted(7, model="a"))).figures
        of_key = (await usage_report(tx, wanted(7, key_id=key))).figures
        failed = await usage_report(tx, wanted(7, status="failed"))
        by_hour = (await usage_report(tx, wanted(1))).costs
        first = await requests(tx, wanted(7), 2)
        rest = await requests(tx, wanted(7), 2, first[-1].id)
    told = everything.figures
    assert (told.spent_micro, told.spent_before_micro) == (3 * RUPEE, 13 * RUPEE)
    assert (told.requests, told.failed, told.first_token_p95_ms, told.ours_p95_us) == (3, 1, 40, 1000)
    assert (everything.models, everything.keys) == (("a", "b"), (key,))
    assert (of_a.spent_micro, of_a.spent_before_micro, of_key.requests) == (2 * RUPEE, 4 * RUPEE, 1)
    assert [row.problem for row in failed.rows] == ["upstream_broken"]
    assert {cost.began.minute for cost in by_hour} == {30}, (
        "hours of the Indian clock begin at half past in UTC"
    )
    assert [row.id for row in (*first, *rest)] == [row.id for row in everything.rows]


async def test_entries_are_told_to_the_last_one(ledger: Ledger, rich: Rich, services: Services) -> None:
    access, other = await rich("10"), await rich("7")
    for _ in range(4):
        await spend(ledger, access, RUPEE)
    found = []
    async with services.db.tenant(access) as tx:
        while part := await entries(tx, found[-1] if found else None, 2):
            found.extend(part)
        told = await statement(tx)
    assert len(found) == told.entries == 5
    assert sum(entry.amount_micro for entry in found) == told.purse.balance_micro == 6 * RUPEE
    async with services.db.tenant(other) as tx:
        assert [entry.amount_micro for entry in await entries(tx)] == [7 * RUPEE]
