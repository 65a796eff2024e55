"""How batches end before their end: cancelled, expired, out of money, their key revoked; and what a dead worker leaves."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import openai
import pytest
from sqlalchemy import text

from callmissed.billing import Ledger
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.jobs import declared
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway.batches.names import BATCH, id_of
from callmissed.gateway.batches.running import work
from callmissed.identity import revoke_key
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.test_batches import RunDue, begun, chat, ended, rows_of, run_due
from tests.support.peer import Peer

__all__ = ["run_due"]


def row_id(batch_id: str) -> UUID:
    found = id_of(BATCH, batch_id)
    assert found
    return found


async def turn(services: Services, shop: Shop, batch_id: str) -> None:
    """One turn now, whatever its job waits for."""
    async with services.db.tenant(shop.books) as tx:
        number = await tx.session.scalar(
            text("SELECT turn FROM batch WHERE id = :id"), {"id": row_id(batch_id)}
        )
    await work(services, shop.access.tenant_id, row_id(batch_id), int(number or 0))


async def lines(services: Services, shop: Shop) -> list[dict[str, object]]:
    async with services.db.tenant(shop.books) as tx:
        rows = await tx.session.execute(text("SELECT * FROM batch_line ORDER BY number"))
        return [dict(row) for row in rows.mappings()]


async def test_cancelled_under_way_finishes_what_was_asked_and_asks_no_more(
    open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    shop = await open_shop("100")
    client = client_of(shop)
    batch = await begun(client, [chat(f"q{n}", "peer/ponders") for n in range(20)])
    before = len(peer.asked)
    working = asyncio.create_task(turn(services, shop, batch.id))
    async with asyncio.timeout(10):
        while len(peer.asked) < before + 8:
            await asyncio.sleep(0.02)
    cancelled = await client.batches.cancel(batch.id)
    assert cancelled.status == "cancelling" and cancelled.cancelling_at
    assert (await client.batches.cancel(batch.id)).status == "cancelling"
    await working
    done = await client.batches.retrieve(batch.id)
    assert done.status == "cancelled" and done.cancelled_at
    assert done.request_counts
    answered = await rows_of(client, done.output_file_id)
    assert len(answered) == done.request_counts.completed == len(peer.asked) - before == 8
    given_up = await rows_of(client, done.error_file_id)
    assert {each["error"]["code"] for each in given_up.values()} == {"batch_cancelled"}
    assert all(each["response"] is None for each in given_up.values())
    assert len(answered) + len(given_up) == 20
    assert await shop.adds_up()
    with pytest.raises(openai.ConflictError):
        await client.batches.cancel(batch.id)


async def test_after_a_day_it_expires_and_what_is_finished_is_delivered(
    open_shop: OpenShop, client_of: ClientOf, services: Services
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat("q1"), chat("later", "peer/503")])
    await turn(services, shop, batch.id)
    assert [line["state"] for line in await lines(services, shop)] == ["done", "waiting"]
    with clock.travel(hours=25):
        await turn(services, shop, batch.id)
    done = await client.batches.retrieve(batch.id)
    assert done.status == "expired" and done.expired_at
    assert list(await rows_of(client, done.output_file_id)) == ["q1"]
    [left] = (await rows_of(client, done.error_file_id)).values()
    assert left["error"]["code"] == "batch_expired"


async def test_a_passing_failure_is_asked_again_and_then_told(
    open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    before = len(peer.asked)
    batch = await begun(client, [chat("busy", "peer/503")])
    for hours in range(5):
        with clock.travel(hours=hours):
            await turn(services, shop, batch.id)
    assert len(peer.asked) == before + 5
    done = await client.batches.retrieve(batch.id)
    [left] = (await rows_of(client, done.error_file_id)).values()
    assert (left["response"]["status_code"], left["response"]["body"]["error"]["code"]) == (
        503,
        "upstream_busy",
    )
    rows = await shop.rows()
    assert len({row["id"] for row in rows}) == 5, "each attempt has a record of its own"
    assert await shop.adds_up()


async def test_an_empty_wallet_fails_what_is_left_with_that_code(
    open_shop: OpenShop, client_of: ClientOf, services: Services
) -> None:
    shop = await open_shop("0.0001")
    client = client_of(shop)
    batch = await begun(client, [chat(f"q{n}") for n in range(3)])
    for hours in range(5):
        with clock.travel(hours=hours):
            await turn(services, shop, batch.id)
    done = await client.batches.retrieve(batch.id)
    failed = await rows_of(client, done.error_file_id)
    assert len(failed) == 3
    assert {
        (each["response"]["status_code"], each["response"]["body"]["error"]["code"])
        for each in failed.values()
    } == {(402, "insufficient_quota")}
    assert await shop.rows() == []


async def test_a_revoked_key_asks_nothing_more(
    open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat("q1"), chat("later", "peer/503"), chat("later too", "peer/503")])
    await turn(services, shop, batch.id)
    async with services.db.tenant(shop.access) as tx:
        await revoke_key(tx, shop.key_id)
    await asyncio.sleep(1)
    before = len(peer.asked)
    with clock.travel(hours=1):
        await turn(services, shop, batch.id)
    assert len(peer.asked) == before
    assert await lines(services, shop) == []
    async with services.db.tenant(shop.books) as tx:
        row = (await tx.session.execute(text("SELECT state, completed, failed FROM batch"))).one()
    assert tuple(row) == ("completed", 1, 2)


LEFT = {
    "nothing asked yet": (False, False),
    "an answer that is not charged": (True, False),
    "an answer that is charged": (True, True),
}


@pytest.mark.parametrize("name", LEFT)
async def test_what_a_dead_worker_left_is_answered_and_charged_once(
    name: str, open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    kept, is_charged = LEFT[name]
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat("q1"), chat("later", "peer/503")])
    await turn(services, shop, batch.id)
    [first, _] = await lines(services, shop)
    before, usage_id = len(peer.asked), first["usage_id"]
    if not is_charged:  # it had begun another attempt
        usage_id = uuid7()
        await services.get(Ledger).reserve(shop.access.tenant_id, usage_id, 1000)
    async with services.db.tenant(shop.books) as tx:
        await tx.session.execute(text("UPDATE batch SET completed = 0"))
        change = "UPDATE batch_line SET state = 'asked', usage_id = :u, answer = CASE WHEN :kept THEN answer END WHERE number = 1"
        await tx.session.execute(text(change), {"u": usage_id, "kept": kept})
    await turn(services, shop, batch.id)
    [again, _] = await lines(services, shop)
    assert again["state"] == "done"
    assert (again["usage_id"] == usage_id) is is_charged
    assert len(peer.asked) == before + (not is_charged)
    found = await client.batches.retrieve(batch.id)
    assert found.request_counts and found.request_counts.completed == 1
    assert await shop.adds_up()
    assert (await shop.purse()).held_micro == 0


async def test_of_two_workers_one_asks(
    open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    shop = await open_shop("100")
    client = client_of(shop)
    batch = await begun(client, [chat(f"q{n}", "peer/ponders") for n in range(4)])
    before = len(peer.asked)
    slow = asyncio.create_task(turn(services, shop, batch.id))
    async with asyncio.timeout(10):
        while len(peer.asked) < before + 4:
            await asyncio.sleep(0.02)
    await turn(services, shop, batch.id)  # as if the first were dead
    await slow
    done = await client.batches.retrieve(batch.id)
    assert len(await rows_of(client, done.output_file_id)) == 4
    rows = await shop.rows()
    assert len([row for row in rows if row["price_micro"]]) == 4
    assert await shop.adds_up()


async def test_a_batch_that_was_left_alone_is_woken(
    open_shop: OpenShop, client_of: ClientOf, services: Services, run_due: RunDue
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat("q1")])
    [sweep] = [each for each in declared() if each.name == "gateway.batches.sweep"]
    async with services.db.control() as tx:
        gone = "DELETE FROM procrastinate_jobs WHERE args->>'batch_id' = :id RETURNING id"
        assert (await tx.session.execute(text(gone), {"id": str(row_id(batch.id))})).all()
    await run_due()
    assert (await client.batches.retrieve(batch.id)).status == "validating"
    with clock.travel(seconds=90):
        await sweep.run(services)
    assert (await ended(client, run_due, batch.id)).status == "completed"


async def test_five_run_at_once_and_tokens_are_no_servers(open_shop: OpenShop, client_of: ClientOf) -> None:
    shop = await open_shop()
    client = client_of(shop)
    made = [await begun(client, [chat("q")]) for _ in range(5)]
    with pytest.raises(openai.ConflictError, match="Five batches"):
        await begun(client, [chat("q")])
    assert [each.id async for each in client.batches.list(limit=2)] == [each.id for each in reversed(made)]
    with pytest.raises(openai.ConflictError, match="not finished"):
        await client.files.delete(made[0].input_file_id)
    token = (await client.post("/tokens", body={}, cast_to=httpx.Response)).json()["token"]
    website = client.with_options(default_headers={"origin": "https://shop.example"})
    for caller in (client_of(token), website):
        with pytest.raises(openai.PermissionDeniedError):
            await caller.files.list()


async def test_a_key_that_masks_masks_in_batches_too(
    open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    shop = await open_shop(options=("masking",))
    client = client_of(shop)
    said = [{"role": "user", "content": "Write to asha.rao@shop.example"}]
    batch = await begun(client, [chat("q", messages=said)])
    await turn(services, shop, batch.id)
    assert "asha.rao" not in str(peer.asked[-1]["body"])
    assert [row["options"] for row in await shop.rows()] == ["masked=1"]


async def test_asked_for_again_it_is_the_same_batch(open_shop: OpenShop, client_of: ClientOf) -> None:
    client = client_of(await open_shop()).with_options(default_headers={"idempotency-key": "nightly-1"})
    first = await begun(client, [chat("q")])
    wish: dict[str, Any] = {"endpoint": first.endpoint, "completion_window": "24h"}
    again = await client.batches.create(input_file_id=first.input_file_id, **wish)
    assert again.id == first.id
    with pytest.raises(openai.ConflictError, match="another request"):
        await begun(client, [chat("q")])


STORED = (
    "SELECT stored_file::text FROM stored_file",
    "SELECT stored_file_part::text FROM stored_file_part",
    "SELECT batch::text FROM batch",
)


async def test_what_was_asked_is_sealed(open_shop: OpenShop, client_of: ClientOf, services: Services) -> None:
    shop = await open_shop()
    await begun(client_of(shop), [chat("secret-word")])
    async with services.db.tenant(Access.system(shop.access.tenant_id)) as tx:
        for query in STORED:
            stored = "".join((await tx.session.scalars(text(query))).all()).lower()
            assert stored
            for word in ("secret-word", "questions.jsonl", "diwali"):
                assert word not in stored and word.encode().hex() not in stored
