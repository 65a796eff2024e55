"""Leases: a busy tenant's requests need no commit of their own, and yet nobody spends what was not there, twice, or of another."""

import asyncio
import json
from collections.abc import AsyncGenerator
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from callmissed.app.installation import Installation
from callmissed.billing import KeyBudget, Ledger, WalletExhausted, key_spending, purse, reconcile
from callmissed.billing.leases import RESIZE, SETTLE, LeaseRule
from callmissed.billing.problems import KeyBudgetExhausted
from callmissed.foundation import clock
from callmissed.foundation.database import DirectConnection
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import RUPEE
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from tests.rooms.billing.conftest import Rich
from tests.rooms.billing.test_ledger import adds_up, counts, usage
from tests.support.patience import until

pytestmark = pytest.mark.database

NEEDS = 10_000
"""Micro-rupees that a request of these tests holds."""


async def request(ledger: Ledger, access: Access, amount: int = NEEDS, spent: int = 700) -> UUID:
    """One request from its reservation to its end."""
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, amount)
    assert await ledger.settle(access.tenant_id, ref, spent, usage()) == spent
    return ref


async def holds(services: Services, access: Access) -> dict[UUID, int]:
    """What is held for a tenant, by reference."""
    async with services.db.tenant(access) as tx:
        rows = await tx.session.execute(text("SELECT id, amount_micro FROM wallet_hold"))
        return {row.id: row.amount_micro for row in rows}


async def leased(ledger: Ledger, access: Access, services: Services) -> dict[UUID, int]:
    """Make a tenant busy; its lease."""
    for _ in range(2):
        await request(ledger, access)
    for _ in range(200):
        if found := await holds(services, access):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("a busy tenant has no lease")


async def test_the_second_request_brings_a_lease_and_the_next_draw_on_it(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    (lease, amount), *others = (await leased(ledger, access, services)).items()
    assert (amount, others) == (8 * NEEDS, [])
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, NEEDS)
    assert await holds(services, access) == {lease: amount}, "drawn in memory"
    assert await ledger.settle(access.tenant_id, ref, 700, usage()) == 700
    assert await holds(services, access) == {lease: amount - 700}
    assert await counts(services, access, ref) == (1, 1, 0)
    async with services.db.tenant(access) as tx:
        after = await purse(tx)
    assert (after.balance_micro, after.held_micro) == (100 * RUPEE - 2_100, amount - 700)
    assert await adds_up(services, access)


async def test_one_request_a_minute_and_small_wallets_lease_nothing(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    once, small = await rich("100"), await rich("19.99")
    await request(ledger, once)
    for _ in range(5):
        await request(ledger, small)
    await asyncio.sleep(0.1)
    assert not await holds(services, once)
    assert not await holds(services, small)


async def test_a_lease_is_a_share_of_what_is_available(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("40")
    for _ in range(2):
        await request(ledger, access, RUPEE // 2)
    await asyncio.sleep(0.1)
    (amount,) = (await holds(services, access)).values()
    assert RUPEE < amount <= 2 * RUPEE, "a twentieth, where eight requests would have been four rupees"


async def test_a_failed_request_and_an_unused_one_return_what_they_drew(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    held = await leased(ledger, access, services)
    failed, unused = uuid7(), uuid7()
    for ref in (failed, unused):
        await ledger.reserve(access.tenant_id, ref, NEEDS)
    await ledger.release(access.tenant_id, failed, usage("failed", problem="upstream_unreachable"))
    await ledger.release(access.tenant_id, unused)
    assert await counts(services, access, failed) == (1, 0, 0)
    assert await counts(services, access, unused) == (0, 0, 0)
    assert await holds(services, access) == held
    await asyncio.gather(*(request(ledger, access) for _ in range(8)))
    assert await adds_up(services, access)


async def test_never_more_than_was_drawn_is_charged(ledger: Ledger, rich: Rich, services: Services) -> None:
    access = await rich("100")
    await leased(ledger, access, services)
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, NEEDS)
    assert await ledger.settle(access.tenant_id, ref, 5 * NEEDS, usage()) == NEEDS
    assert await adds_up(services, access)


async def test_an_idle_lease_is_never_the_reason_for_a_refusal(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("30")
    await leased(ledger, access, services)
    under_way, everything = uuid7(), uuid7()
    await ledger.reserve(access.tenant_id, under_way, NEEDS)
    rest = 30 * RUPEE - 1_400 - NEEDS
    with pytest.raises(WalletExhausted):
        await ledger.reserve(access.tenant_id, uuid7(), rest + 1)
    await ledger.reserve(access.tenant_id, everything, rest)
    with pytest.raises(WalletExhausted):
        await ledger.reserve(access.tenant_id, uuid7(), 1)
    assert await ledger.settle(access.tenant_id, under_way, NEEDS, usage()) == NEEDS
    assert await ledger.settle(access.tenant_id, everything, rest, usage()) == rest
    async with services.db.tenant(access) as tx:
        after = await purse(tx)
    assert (after.balance_micro, after.held_micro) == (0, 0)
    assert await adds_up(services, access)


async def test_saying_it_again_changes_nothing(ledger: Ledger, rich: Rich, services: Services) -> None:
    access = await rich("100")
    held = await leased(ledger, access, services)
    ref = uuid7()
    for _ in range(2):
        await ledger.reserve(access.tenant_id, ref, NEEDS)
    settled = [ledger.settle(access.tenant_id, ref, 700, usage()) for _ in range(2)]
    assert await asyncio.gather(*settled) == [700, 700]
    assert await ledger.settle(access.tenant_id, ref, 700, usage()) == 700
    assert await counts(services, access, ref) == (1, 1, 0)
    assert sum((await holds(services, access)).values()) == sum(held.values()) - 700
    assert await adds_up(services, access)


async def test_a_key_with_a_budget_never_draws_on_a_lease_and_one_without_is_counted(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access, budgeted, free = await rich("100"), uuid7(), uuid7()
    await leased(ledger, access, services)
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, NEEDS, KeyBudget(free))
    await ledger.settle(access.tenant_id, ref, 700, usage(key_id=free))
    kept = KeyBudget(budgeted, 25_000)
    outcomes = await asyncio.gather(
        *(ledger.reserve(access.tenant_id, uuid7(), NEEDS, kept) for _ in range(4)), return_exceptions=True
    )
    assert [isinstance(each, KeyBudgetExhausted) for each in outcomes] == [False, False, True, True]
    async with services.db.tenant(access) as tx:
        spending = await key_spending(tx)
    assert (spending[free].spent_micro, spending[free].held_micro) == (700, 0)
    assert (spending[budgeted].spent_micro, spending[budgeted].held_micro) == (0, 2 * NEEDS)


async def test_many_tasks_on_what_is_left_spend_it_and_no_more(
    ledger: Ledger, rich: Rich, services: Services, installation: Installation
) -> None:
    access, other = await rich("21"), Ledger(installation.data_plane("cm_app").asyncpg)
    chance, spent, refused = Random(9), list[int](), 0

    async def one(number: int) -> None:
        nonlocal refused
        writer, ref = (ledger, other)[number % 2], uuid7()
        amount = chance.randint(1, 4) * RUPEE // 20
        try:
            await writer.reserve(access.tenant_id, ref, amount)
        except WalletExhausted:
            refused += 1
            return
        await asyncio.sleep(chance.random() / 100)
        spent.append(await writer.settle(access.tenant_id, ref, amount, usage()))

    for begun in range(0, 600, 40):
        await asyncio.gather(*(one(begun + number) for number in range(40)))
    await other.stop()
    await ledger.stop()
    async with services.db.tenant(access) as tx:
        after = await purse(tx)
        figures = await reconcile(tx)
    assert after.balance_micro == 21 * RUPEE - sum(spent)
    assert (after.held_micro, figures.adds_up) == (0, True)
    assert refused > 0
    assert after.balance_micro < RUPEE // 5


async def test_the_end_of_the_process_gives_its_leases_back(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    assert await leased(ledger, access, services)
    await ledger.stop()
    assert not await holds(services, access)
    assert await adds_up(services, access)


async def test_an_idle_lease_comes_back_and_one_in_use_stays_and_is_renewed(
    rich: Rich, services: Services, installation: Installation
) -> None:
    access = await rich("100")
    ledger = Ledger(installation.data_plane("cm_app").asyncpg, LeaseRule(busy=0.4, renewed=0.1, look=0.05))
    (lease,) = await leased(ledger, access, services)
    await ledger.reserve(access.tenant_id, ref := uuid7(), NEEDS)

    async def only_what_is_drawn() -> bool:
        return await holds(services, access) == {lease: NEEDS}

    async def renewed_since(moment: object) -> bool:
        async with services.db.tenant(access) as tx:
            query = text("SELECT count(*) FROM wallet_hold WHERE created_at > :moment")
            return bool((await tx.session.execute(query, {"moment": moment})).scalar())

    assert await until(only_what_is_drawn)
    now = clock.now()
    assert await until(lambda: renewed_since(now))
    assert await ledger.settle(access.tenant_id, ref, NEEDS, usage()) == NEEDS

    async def nothing() -> bool:
        return not await holds(services, access)

    assert await until(nothing)
    assert await adds_up(services, access)
    await ledger.stop()


async def test_a_request_that_nobody_ends_is_given_up(
    rich: Rich, services: Services, installation: Installation
) -> None:
    access = await rich("100")
    ledger = Ledger(installation.data_plane("cm_app").asyncpg, LeaseRule(busy=0.2, forgotten=0.3, look=0.05))
    await leased(ledger, access, services)
    await ledger.reserve(access.tenant_id, ref := uuid7(), NEEDS)

    async def nothing() -> bool:
        return not await holds(services, access)

    assert await until(nothing)
    assert await ledger.settle(access.tenant_id, ref, 700, usage()) == 0
    assert await counts(services, access, ref) == (1, 0, 0)
    await ledger.stop()


async def test_a_lease_that_was_swept_up_charges_nothing_and_records_all(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    (lease,) = await leased(ledger, access, services)
    refs = [uuid7() for _ in range(3)]
    for ref in refs:
        await ledger.reserve(access.tenant_id, ref, NEEDS)
    await services.get(Ledger).release(access.tenant_id, lease)  # as the sweeper of another process does
    settled = [ledger.settle(access.tenant_id, ref, 700, usage()) for ref in refs]
    assert await asyncio.gather(*settled) == [0, 0, 0]
    for ref in refs:
        assert await counts(services, access, ref) == (1, 0, 0)
    await request(ledger, access)
    assert await adds_up(services, access)


async def test_one_that_cannot_be_written_fails_alone(ledger: Ledger, rich: Rich, services: Services) -> None:
    access, other = await rich("100"), await rich("100")
    await leased(ledger, access, services)
    await leased(ledger, other, services)
    refs, theirs = [uuid7() for _ in range(3)], uuid7()
    for ref in refs:
        await ledger.reserve(access.tenant_id, ref, NEEDS)
    await ledger.reserve(other.tenant_id, theirs, NEEDS)
    poison = usage(problem="p" * 61)
    outcomes = await asyncio.gather(
        ledger.settle(access.tenant_id, refs[0], 700, usage()),
        ledger.settle(access.tenant_id, refs[1], 700, poison),
        ledger.settle(access.tenant_id, refs[2], 700, usage()),
        ledger.settle(other.tenant_id, theirs, 700, usage()),
        return_exceptions=True,
    )
    assert [outcomes[0], outcomes[2], outcomes[3]] == [700, 700, 700]
    assert isinstance(outcomes[1], Exception)
    assert await counts(services, access, refs[1]) == (0, 0, 0)
    assert await adds_up(services, access)
    assert await adds_up(services, other)


@pytest.fixture
async def direct(services: Services, installation: Installation) -> AsyncGenerator[DirectConnection]:
    """A connection of the application's role."""
    del services
    made = DirectConnection(installation.data_plane("cm_app").asyncpg)
    yield made
    await made.close()


async def lease_of(direct: DirectConnection, access: Access, size: int) -> UUID:
    """A lease of that size, made past the ledger."""
    line = {"tenant_id": str(access.tenant_id), "lease": str(lease := uuid7()), "size": size, "least": 1}
    rows = await direct.alone(RESIZE, [access.tenant_id], json.dumps([line]), clock.now(), 20, RUPEE)
    assert [row["held"] for row in rows] == [size]
    return lease


def settlement(access: Access, lease: UUID, amount: int, ref: UUID) -> dict[str, object]:
    figures = {
        "endpoint": "chat.completions",
        "model": "m",
        "upstream": "u",
        "region": "IN",
        "may_train": False,
    }
    figures |= {"tokens_in": 1, "tokens_out": 1, "counted_by": "upstream", "admit_us": 1, "reserve_us": 1}
    figures |= {
        "latency_ms": 1,
        "price_in_micro": 1,
        "price_out_micro": 1,
        "status": "ok",
        "http_status": 200,
    }
    figures |= {"streamed": False, "india_only": True}
    return {
        "tenant_id": str(access.tenant_id), "lease": str(lease), "ref": str(ref), "amount": amount, "usage": figures,
    }  # fmt: skip


async def settle(direct: DirectConnection, named: list[Access], *lines: dict[str, object]) -> dict[UUID, int]:
    tenants = [access.tenant_id for access in named]
    rows = await direct.alone(SETTLE, tenants, json.dumps(lines), clock.now())
    return {row["settled"]: row["charged"] for row in rows}


async def test_the_function_settles_from_the_tenants_own_lease_only(
    direct: DirectConnection, rich: Rich, services: Services
) -> None:
    victim, thief = await rich("100"), await rich("100")
    lease, ref = await lease_of(direct, victim, 5_000), uuid7()
    assert await settle(direct, [victim, thief], settlement(thief, lease, 100, ref)) == {}
    assert await settle(direct, [thief], settlement(victim, lease, 100, ref)) == {}, "not named, not seen"
    assert await counts(services, victim, ref) == await counts(services, thief, ref) == (0, 0, 0)
    assert await holds(services, victim) == {lease: 5_000}
    assert await settle(direct, [victim], settlement(victim, lease, 100, ref)) == {ref: 100}
    assert await holds(services, victim) == {lease: 4_900}


async def test_the_function_charges_once_and_never_beyond_the_lease(
    direct: DirectConnection, rich: Rich, services: Services
) -> None:
    access = await rich("100")
    lease, refs = await lease_of(direct, access, 1_000), sorted(uuid7() for _ in range(3))
    twice = [settlement(access, lease, 600, refs[0])] * 2
    assert await settle(direct, [access], *twice, settlement(access, lease, 600, refs[1])) == {refs[0]: 600}
    assert await settle(direct, [access], settlement(access, lease, 300, refs[0])) == {refs[0]: 600}
    assert await settle(direct, [access], settlement(access, lease, -5, refs[2])) == {}
    assert await settle(direct, [access], settlement(access, lease, 400, refs[2])) == {refs[2]: 400}
    assert not await holds(services, access), "used up, and gone"
    async with services.db.tenant(access) as tx:
        after = await purse(tx)
    assert (after.balance_micro, after.held_micro) == (100 * RUPEE - 1_000, 0)
    assert await adds_up(services, access)


async def test_a_batch_shows_nothing_once_its_function_is_over(
    rich: Rich, services: Services, direct: DirectConnection
) -> None:
    access = await rich("100")
    await lease_of(direct, access, 1_000)
    rows = await direct.alone(
        "SELECT count(*) AS seen, current_setting('app.tenants', true) AS named FROM wallet"
    )
    assert (rows[0]["seen"], rows[0]["named"] or "") == (0, "")
