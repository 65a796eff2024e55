"""A workspace's own budget of the month: exact at the same moment and over leases, anew with the month, and never by a clock set back."""

import asyncio

import pytest
from sqlalchemy import text

from callmissed.app.installation import Installation
from callmissed.billing import (
    EndUserBudget,
    KeyBudget,
    Ledger,
    WalletExhausted,
    end_user_spending,
    grant,
    month_budget,
    set_month_budget,
)
from callmissed.billing.problems import BudgetExhausted, EndUserBudgetExhausted, KeyBudgetExhausted
from callmissed.billing.repository import SET_MONTH_BUDGET
from callmissed.billing.tasks import recount_keys, recount_months
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import Micro, rupees
from callmissed.foundation.problems import NotFound
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from tests.rooms.billing.conftest import Rich
from tests.rooms.billing.test_leases import NEEDS, leased
from tests.rooms.billing.test_ledger import adds_up, usage
from tests.support.closing import close
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database


async def budget(services: Services, access: Access, micro: int | None) -> None:
    async with services.db.tenant(access) as tx:
        await set_month_budget(tx, None if micro is None else Micro(micro))


async def used(services: Services, access: Access) -> int:
    async with services.db.tenant(access) as tx:
        found = await month_budget(tx)
    assert found is not None
    return found.used_micro


async def test_calls_at_the_same_moment_on_two_nodes_never_pass_it(
    ledger: Ledger, rich: Rich, services: Services, installation: Installation
) -> None:
    access, other = await rich("100"), Ledger(installation.data_plane("cm_app").asyncpg)
    await budget(services, access, 100 * NEEDS)
    refused = 0

    async def one(number: int) -> int:
        nonlocal refused
        writer, ref = (ledger, other)[number % 2], uuid7()
        try:
            await writer.reserve(access.tenant_id, ref, NEEDS)
        except BudgetExhausted:
            refused += 1
            return 0
        return await writer.settle(access.tenant_id, ref, NEEDS - number, usage())

    spent = 0
    for begun in range(0, 160, 16):
        spent += sum(await asyncio.gather(*(one(number) for number in range(begun, begun + 16))))
    await other.stop()
    await ledger.stop()
    assert refused > 20 and spent <= 100 * NEEDS
    assert await used(services, access) == spent
    assert await adds_up(services, access)


async def test_one_set_in_the_middle_of_a_month_knows_what_was_spent_and_can_be_lifted(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    for _ in range(3):
        ref = uuid7()
        await ledger.reserve(access.tenant_id, ref, NEEDS, alone=True)
        await ledger.settle(access.tenant_id, ref, 700, usage())
    await budget(services, access, NEEDS + 2_000)
    assert await used(services, access) == 2_100
    with pytest.raises(BudgetExhausted):
        await ledger.reserve(access.tenant_id, uuid7(), NEEDS, alone=True)
    await ledger.reserve(access.tenant_id, uuid7(), NEEDS - 100, alone=True)
    assert await used(services, access) == NEEDS + 2_000
    await budget(services, access, None)
    await ledger.reserve(access.tenant_id, uuid7(), NEEDS, alone=True)
    async with services.db.tenant(access) as tx:
        assert await month_budget(tx) is None


async def test_it_begins_anew_with_the_month_and_not_with_a_clock_set_back(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    await budget(services, access, NEEDS)
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, NEEDS, alone=True)
    await ledger.settle(access.tenant_id, ref, NEEDS, usage())
    for months, opens in (
        (1, False),
        (-1, True),
    ):  # what was counted is of a month ahead, and of the month before
        async with services.db.tenant(access) as tx:
            moved = "UPDATE wallet SET month_on = CAST(:today AS date) + make_interval(months => :months)"
            await tx.session.execute(text(moved), {"today": clock.today().replace(day=1), "months": months})
        if not opens:
            with pytest.raises(BudgetExhausted):
                await ledger.reserve(access.tenant_id, uuid7(), NEEDS, alone=True)
            continue
        ref = uuid7()
        await ledger.reserve(access.tenant_id, ref, NEEDS, alone=True)
        await ledger.settle(access.tenant_id, ref, 400, usage())
    assert await used(services, access) == 400


async def test_what_a_lease_holds_idle_is_never_why_a_call_is_refused(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    held = sum((await leased(ledger, access, services)).values())
    await budget(services, access, held + 2 * 700 + NEEDS // 2)
    await ledger.reserve(access.tenant_id, uuid7(), held, alone=True)
    assert await used(services, access) == held + 1_400, "the lease went back"


async def test_a_lease_grows_within_the_budget_only(ledger: Ledger, rich: Rich, services: Services) -> None:
    """The scarcest of both decides: with ₹1 left of the budget nothing is leased, whatever the wallet holds."""
    access = await rich("100")
    await budget(services, access, rupees(1))
    for _ in range(6):
        ref = uuid7()
        await ledger.reserve(access.tenant_id, ref, NEEDS)
        await ledger.settle(access.tenant_id, ref, 700, usage())
    await asyncio.sleep(0.2)
    assert await used(services, access) == 6 * 700


async def test_end_users_have_their_own_and_the_tightest_is_told(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access, key = await rich("100"), KeyBudget(uuid7(), 3 * NEEDS)
    asha, ravi = (EndUserBudget(uuid7(), NEEDS + 700) for _ in range(2))
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, NEEDS, key, asha)
    with pytest.raises(EndUserBudgetExhausted):
        await ledger.reserve(access.tenant_id, uuid7(), NEEDS, key, asha)
    await ledger.settle(access.tenant_id, ref, 700, usage())
    await ledger.reserve(access.tenant_id, uuid7(), NEEDS, key, asha)
    await ledger.reserve(access.tenant_id, uuid7(), NEEDS, key, ravi)
    async with services.db.tenant(access) as tx:
        spent = await end_user_spending(tx, asha.tag)
    assert (spent.spent_micro, spent.held_micro) == (700, NEEDS)
    with pytest.raises(KeyBudgetExhausted):
        await ledger.reserve(access.tenant_id, uuid7(), NEEDS, key, EndUserBudget(uuid7(), NEEDS))


async def test_a_batch_of_one_moment_is_served_in_order(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access, who = await rich("1"), EndUserBudget(uuid7(), 2 * NEEDS)
    await budget(services, access, 4 * NEEDS)
    asked = [ledger.reserve(access.tenant_id, uuid7(), NEEDS, end_user=who) for _ in range(3)]
    asked += [ledger.reserve(access.tenant_id, uuid7(), NEEDS) for _ in range(3)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in outcomes if each] == [EndUserBudgetExhausted, BudgetExhausted]
    with pytest.raises(WalletExhausted):
        await budget(services, access, None)
        await ledger.reserve(access.tenant_id, uuid7(), rupees(1))


async def test_without_a_wallet_there_is_nothing_to_limit(services: Services) -> None:
    with pytest.raises(NotFound):
        await budget(services, Access.system(uuid7()), NEEDS)


async def test_counters_that_a_release_before_has_left_behind_are_set_right(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access, who = await rich("100"), EndUserBudget(uuid7(), 5 * NEEDS)
    await budget(services, access, 20 * NEEDS)
    done, open_one = uuid7(), uuid7()
    for ref in (done, open_one):
        await ledger.reserve(access.tenant_id, ref, NEEDS, end_user=who)
    await ledger.settle(access.tenant_id, done, 700, usage())
    for sabotage in (
        "UPDATE wallet SET month_micro = 0",
        "UPDATE wallet SET month_on = '2000-01-01', month_micro = 99",
        "UPDATE wallet SET month_micro = month_micro + 5",
        "UPDATE end_user_spend SET held_micro = held_micro + 400",
    ):
        async with services.db.tenant(access) as tx:
            await tx.session.execute(text(sabotage))
        await recount_months(services)
        assert await used(services, access) == NEEDS + 700
        async with services.db.tenant(access) as tx:
            spent = await end_user_spending(tx, who.tag)
        assert (spent.spent_micro, spent.held_micro) == (700, NEEDS)


async def test_setting_one_keeps_nobody_waiting(rich: Rich, services: Services) -> None:
    """It reads no ledger, however long that is: nobody waits for the wallet that it locks."""
    access = await rich("100")
    async with services.db.tenant(access) as tx:
        said = "EXPLAIN (ANALYZE, FORMAT JSON) " + SET_MONTH_BUDGET.text.replace(":micro", "5").replace(
            ":tenant", f"'{access.tenant_id}'"
        )
        [plan] = await tx.session.scalar(text(said))
    assert "ledger_entry" not in str(plan)


async def test_a_closed_workspace_keeps_no_other_from_being_set_right(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    closed, other = await workspace_of_someone(services), await rich("100")
    async with services.db.tenant(closed) as tx:
        await grant(tx, rupees(100), "grant", uuid7())
    key = KeyBudget(uuid7())
    for access in (closed, other):
        ref = uuid7()
        await ledger.reserve(access.tenant_id, ref, NEEDS, key, EndUserBudget(uuid7(), NEEDS))
        await ledger.settle(access.tenant_id, ref, 700, usage(key_id=key.key_id))
        async with services.db.tenant(access) as tx:
            await tx.session.execute(text("UPDATE key_spend SET spent_micro = 1"))
            await tx.session.execute(text("UPDATE end_user_spend SET held_micro = 9"))
            await tx.session.execute(text("UPDATE wallet SET month_micro = 1"))
    await close(services, closed)
    await recount_keys(services)
    await recount_months(services)
    async with services.db.tenant(other) as tx:
        counted = "SELECT (SELECT spent_micro FROM key_spend), (SELECT held_micro FROM end_user_spend), (SELECT month_micro FROM wallet)"
        assert tuple((await tx.session.execute(text(counted))).one()) == (700, 0, 700)
