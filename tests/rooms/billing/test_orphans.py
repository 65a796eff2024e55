"""Holds of dead requests come back by themselves; holds of living ones stay."""

import pytest

from callmissed.billing import Ledger, purse, reconcile
from callmissed.billing.tasks import ORPHANED_AFTER, release_orphans
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import RUPEE
from callmissed.foundation.services import Services
from tests.rooms.billing.conftest import Rich
from tests.rooms.billing.test_ledger import usage

pytestmark = pytest.mark.database


async def test_an_orphaned_hold_is_given_back_and_a_living_one_is_not(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("10")
    dead, living = uuid7(), uuid7()
    await ledger.reserve(access.tenant_id, dead, 2 * RUPEE)
    with clock.travel(seconds=ORPHANED_AFTER.total_seconds() - 60):
        await ledger.reserve(access.tenant_id, living, 3 * RUPEE)
        await release_orphans(services)  # too young, both of them
    async with services.db.tenant(access) as tx:
        assert (await purse(tx)).held_micro == 5 * RUPEE
    with clock.travel(seconds=ORPHANED_AFTER.total_seconds() + 1):
        await release_orphans(services)
    async with services.db.tenant(access) as tx:
        after = await purse(tx)
        assert (after.balance_micro, after.held_micro) == (10 * RUPEE, 3 * RUPEE)
        assert (await reconcile(tx)).adds_up
    assert await ledger.settle(access.tenant_id, living, RUPEE, usage()) == RUPEE


async def test_a_request_that_outlived_its_hold_is_recorded_and_costs_nothing(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("10")
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, 2 * RUPEE)
    with clock.travel(seconds=ORPHANED_AFTER.total_seconds() + 1):
        await release_orphans(services)
    assert await ledger.settle(access.tenant_id, ref, RUPEE, usage()) == 0
    async with services.db.tenant(access) as tx:
        assert (await purse(tx)).available_micro == 10 * RUPEE
        assert (await reconcile(tx)).adds_up
