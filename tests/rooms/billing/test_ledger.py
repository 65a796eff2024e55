"""The ledger: money is conserved, nobody overdraws, and saying it twice changes nothing."""

import asyncio
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from callmissed.app.installation import Installation
from callmissed.billing import Ledger, Usage, WalletExhausted, grant, purse, reconcile
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import RUPEE, rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from tests.rooms.billing.conftest import Rich

pytestmark = pytest.mark.database


def usage(status: str = "ok", **more: object) -> Usage:
    figures = {
        "endpoint": "chat.completions",
        "model": "local/extractive",
        "upstream": "local",
        "region": "IN",
    }
    return Usage(**figures, status=status, http_status=200, tokens_in=3, tokens_out=2, **more)  # pyright: ignore[reportArgumentType] - keywords of a test


async def counts(services: Services, access: Access, ref: UUID) -> tuple[int, int, int]:
    """Usage records, entries and holds of a reference."""
    async with services.db.tenant(access) as tx:
        row = await tx.session.execute(
            text(
                "SELECT (SELECT count(*) FROM usage_record WHERE id = :ref), "
                "(SELECT count(*) FROM ledger_entry WHERE ref = :ref), (SELECT count(*) FROM wallet_hold WHERE id = :ref)"
            ),
            {"ref": ref},
        )
        return tuple(row.one())  # pyright: ignore[reportReturnType] - three counts


async def adds_up(services: Services, access: Access) -> bool:
    async with services.db.tenant(access) as tx:
        return (await reconcile(tx)).adds_up


async def test_a_request_is_reserved_settled_and_recorded_once(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("10")
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, 2 * RUPEE)
    async with services.db.tenant(access) as tx:
        held = await purse(tx)
    assert (held.balance_micro, held.held_micro, held.available_micro) == (10 * RUPEE, 2 * RUPEE, 8 * RUPEE)
    assert await ledger.settle(access.tenant_id, ref, 1_500_000, usage()) == 1_500_000
    assert await counts(services, access, ref) == (1, 1, 0)
    async with services.db.tenant(access) as tx:
        after = await purse(tx)
    assert (after.balance_micro, after.held_micro) == (8_500_000, 0)
    assert await adds_up(services, access)


async def test_never_more_than_was_held_is_charged(ledger: Ledger, rich: Rich, services: Services) -> None:
    access = await rich("1")
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, 1000)
    assert await ledger.settle(access.tenant_id, ref, 5000, usage()) == 1000
    assert await adds_up(services, access)


async def test_a_failed_request_costs_nothing_and_is_recorded(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("1")
    ref = uuid7()
    await ledger.reserve(access.tenant_id, ref, 1000)
    await ledger.release(access.tenant_id, ref, usage("failed", problem="upstream_unreachable"))
    assert await counts(services, access, ref) == (1, 0, 0)
    async with services.db.tenant(access) as tx:
        assert (await purse(tx)).available_micro == RUPEE


async def test_an_empty_or_unopened_wallet_refuses(ledger: Ledger, rich: Rich) -> None:
    access = await rich("1")
    with pytest.raises(WalletExhausted):
        await ledger.reserve(access.tenant_id, uuid7(), RUPEE + 1)
    with pytest.raises(WalletExhausted):
        await ledger.reserve(uuid7(), uuid7(), 1)


async def test_of_a_batch_that_is_too_much_the_first_ones_fit(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("1")
    refs = [uuid7() for _ in range(20)]
    outcomes = await asyncio.gather(
        *(ledger.reserve(access.tenant_id, ref, 150_000) for ref in refs), return_exceptions=True
    )
    assert [isinstance(each, WalletExhausted) for each in outcomes] == [False] * 6 + [True] * 14
    assert await adds_up(services, access)


async def test_saying_it_again_changes_nothing(ledger: Ledger, rich: Rich, services: Services) -> None:
    access = await rich("10")
    ref = uuid7()
    for _ in range(2):
        await ledger.reserve(access.tenant_id, ref, RUPEE)
    for _ in range(2):
        assert await ledger.settle(access.tenant_id, ref, 700_000, usage()) == 700_000
    await ledger.release(access.tenant_id, ref)
    assert await counts(services, access, ref) == (1, 1, 0)
    async with services.db.tenant(access) as tx:
        assert (await purse(tx)).available_micro == 9_300_000
    welcome = uuid7()
    for first in (True, False):
        async with services.db.tenant(access) as tx:
            assert await grant(tx, rupees(5), "grant", welcome) is first


async def test_the_database_itself_refuses_a_second_entry_for_a_reference(
    rich: Rich, services: Services
) -> None:
    access = await rich("10")
    ref = uuid7()
    insert = text(
        "INSERT INTO ledger_entry (tenant_id, at, id, debit, credit, amount_micro, kind, ref) "
        "VALUES (:tenant, :at, :id, 'wallet', 'sales', 5, 'usage', :ref)"
    )
    async with services.db.tenant(access) as tx:
        at = (await tx.session.execute(text("SELECT cm.moment(:ref)"), {"ref": ref})).scalar()
        await tx.session.execute(insert, {"tenant": access.tenant_id, "at": at, "id": uuid7(), "ref": ref})
    for when, name in ((at, "uq_ledger_entry_ref_kind|202"), (None, "ck_ledger_entry_moment")):
        with pytest.raises(Exception, match=name if when is None else "ledger_entry"):
            async with services.db.tenant(access) as tx:
                later = when or (await tx.session.execute(text("SELECT now()"))).scalar()
                await tx.session.execute(
                    insert, {"tenant": access.tenant_id, "at": later, "id": uuid7(), "ref": ref}
                )


async def test_many_tenants_and_requests_at_once(ledger: Ledger, rich: Rich, services: Services) -> None:
    tenants = [await rich("1") for _ in range(5)]

    async def request(access: Access, amount: int) -> int:
        ref = uuid7()
        await ledger.reserve(access.tenant_id, ref, amount)
        return await ledger.settle(access.tenant_id, ref, amount // 2, usage())

    spent = await asyncio.gather(*(request(access, 2 + n) for access in tenants for n in range(100)))
    assert sum(spent) == 5 * sum((2 + n) // 2 for n in range(100))
    for access in tenants:
        assert await adds_up(services, access)


async def test_two_writers_do_not_overdraw(
    ledger: Ledger, rich: Rich, services: Services, installation: Installation
) -> None:
    access = await rich("1")
    other = Ledger(installation.data_plane("cm_app").asyncpg)
    outcomes = await asyncio.gather(
        *((ledger, other)[n % 2].reserve(access.tenant_id, uuid7(), 100_000) for n in range(40)),
        return_exceptions=True,
    )
    assert sum(each is None for each in outcomes) == 10
    await other.stop()
    assert await adds_up(services, access)


async def test_whoever_leaves_while_waiting_leaves_no_hold(
    ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("1")
    tasks = [asyncio.create_task(ledger.reserve(access.tenant_id, uuid7(), 1000)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.2)
    async with services.db.tenant(access) as tx:
        assert (await purse(tx)).held_micro == 0
    assert await adds_up(services, access)


async def test_the_end_of_the_process_gives_back_what_was_held_for_those_who_left(
    rich: Rich, services: Services, installation: Installation
) -> None:
    access = await rich("1")
    for number in range(40):
        ledger = Ledger(installation.data_plane("cm_app").asyncpg)
        await ledger.release(access.tenant_id, uuid7())  # connected
        tasks = [asyncio.create_task(ledger.reserve(access.tenant_id, uuid7(), 1000)) for _ in range(10)]
        await asyncio.sleep(number / 5_000)  # before, while and after they are written
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        await ledger.stop()
        if not any(each is None for each in done):
            async with services.db.tenant(access) as tx:
                assert (await purse(tx)).held_micro == 0
        async with services.db.tenant(access) as tx:
            await tx.session.execute(text("UPDATE wallet SET held_micro = 0"))
            await tx.session.execute(text("DELETE FROM wallet_hold"))
    assert await adds_up(services, access)


async def test_a_lost_connection_loses_and_doubles_nothing(
    ledger: Ledger, rich: Rich, services: Services, installation: Installation
) -> None:
    access = await rich("100")
    stop = asyncio.Event()

    async def disturb() -> None:
        while not stop.is_set():
            await asyncio.sleep(0.3)
            if (connection := ledger._connection._connection) is not None:  # pyright: ignore[reportPrivateUsage] - the saboteur
                connection.terminate()

    async def request() -> UUID:
        ref = uuid7()
        await ledger.reserve(access.tenant_id, ref, 1000)
        await ledger.settle(access.tenant_id, ref, 500, usage())
        return ref

    saboteur = asyncio.create_task(disturb())
    refs: list[UUID] = []
    for _ in range(200):
        refs += await asyncio.gather(*(request() for _ in range(5)))
    stop.set()
    await saboteur
    async with services.db.tenant(access) as tx:
        assert (await purse(tx)).balance_micro == 100 * RUPEE - 500 * len(refs)
        figures = await reconcile(tx)
    assert figures.adds_up
    assert figures.figures["billed_requests"] == len(refs)


STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "settle", "release", "grant", "again"]), st.integers(1, 900), st.integers(0, 9)),
    min_size=1, max_size=25,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_no_order_of_events_breaks_the_sums(
    steps: list[tuple[str, int, int]], ledger: Ledger, rich: Rich, services: Services
) -> None:
    access = await rich("0.001")
    model, held, settled = 1000, dict[UUID, int](), list[UUID]()
    for verb, amount, which in steps:
        refs = list(held)
        ref = refs[which % len(refs)] if refs else None
        if verb == "grant":
            async with services.db.tenant(access) as tx:
                await grant(tx, amount, "grant", uuid7())  # pyright: ignore[reportArgumentType] - micro-rupees
            model += amount
        elif verb == "reserve":
            new = uuid7()
            try:
                await ledger.reserve(access.tenant_id, new, amount)
                held[new] = amount
            except WalletExhausted:
                assert amount > model - sum(held.values())
        elif verb == "settle" and ref:
            charged = await ledger.settle(access.tenant_id, ref, amount, usage())
            assert charged == min(amount, held.pop(ref))
            model -= charged
            settled.append(ref)
        elif verb == "release" and ref:
            await ledger.release(access.tenant_id, ref)
            held.pop(ref)
        elif verb == "again" and settled:
            await ledger.settle(access.tenant_id, settled[which % len(settled)], amount, usage())
    async with services.db.tenant(access) as tx:
        after = await purse(tx)
        assert (after.balance_micro, after.held_micro) == (model, sum(held.values()))
        assert (await reconcile(tx)).adds_up
