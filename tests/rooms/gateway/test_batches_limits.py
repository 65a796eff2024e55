"""Batches are bounded: in the bytes of their answers, in attempts to write their files, and each charge is one that can be taken back."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import text

from callmissed.app.installation import Installation
from callmissed.billing import Ledger
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.gateway.batches import files, repository, running, writing
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.test_batches import begun, chat, rows_of
from tests.rooms.gateway.test_batches_ends import lines, row_id, turn
from tests.support.peer import Peer


async def change(services: Services, shop: Shop, statement: str, **values: object) -> None:
    async with services.db.tenant(shop.books) as tx:
        await tx.session.execute(text(statement), values)


async def holds(services: Services, shop: Shop) -> Sequence[UUID]:
    async with services.db.tenant(shop.books) as tx:
        return (await tx.session.scalars(text("SELECT id FROM wallet_hold"))).all()


async def until_asked(peer: Peer, count: int) -> None:
    async with asyncio.timeout(10):
        while len(peer.asked) < count:
            await asyncio.sleep(0.02)


BATCH_IS, FILES_ARE = "UPDATE batch SET answer_bytes = :size", "UPDATE stored_file SET size = :size"
FULL: dict[str, tuple[str, int, tuple[int, str]]] = {
    "the batch": (BATCH_IS, running.MOST_ANSWER_BYTES, (413, "batch_answers_too_large")),
    "the workspace": (FILES_ARE, files.MOST_BYTES, (409, "too_many_files")),
    "a file beyond 2 GiB": (FILES_ARE, 3 * 2**30, (409, "too_many_files")),
}


@pytest.mark.parametrize("name", FULL)
async def test_where_there_is_no_room_nothing_is_asked(
    name: str, open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    statement, size, told = FULL[name]
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat(f"q{n}") for n in range(3)])
    await change(services, shop, statement, size=size - running.SPARE_BYTES + 1)
    before = len(peer.asked)
    await turn(services, shop, batch.id)
    assert len(peer.asked) == before
    failed = await rows_of(client, (await client.batches.retrieve(batch.id)).error_file_id)
    assert {
        (each["response"]["status_code"], each["response"]["body"]["error"]["code"])
        for each in failed.values()
    } == {told}
    assert len(failed) == 3 and await shop.rows() == []


@pytest.mark.parametrize("name", FULL)
async def test_an_answer_that_does_not_fit_is_not_charged_and_the_rest_is_not_asked(
    name: str, open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    statement, size, told = FULL[name]
    shop = await open_shop("100")
    client = client_of(shop)
    batch = await begun(client, [chat(f"q{n}", "peer/ponders") for n in range(20)])
    before = len(peer.asked)
    working = asyncio.create_task(turn(services, shop, batch.id))
    await until_asked(peer, before + running.AT_ONCE)
    await change(services, shop, statement, size=size - 10)
    await working
    assert len(peer.asked) == before + running.AT_ONCE
    done = await client.batches.retrieve(batch.id)
    failed = await rows_of(client, done.error_file_id)
    assert done.output_file_id is None and len(failed) == 20
    assert {each["response"]["body"]["error"]["code"] for each in failed.values()} == {told[1]}
    assert {(row["status"], row["price_micro"]) for row in await shop.rows()} == {("failed", 0)}
    assert await shop.adds_up()
    assert (await shop.purse()).held_micro == 0


async def test_answers_count_until_they_are_in_a_file(
    open_shop: OpenShop, client_of: ClientOf, services: Services
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat("q1"), chat("later", "peer/503")])
    async with services.db.tenant(shop.books) as tx:
        _, before = await repository.held(tx)
    await turn(services, shop, batch.id)
    [answer] = [line["answer"] for line in await lines(services, shop) if line["state"] == "done"]
    assert isinstance(answer, bytes)
    async with services.db.tenant(shop.books) as tx:
        assert (await repository.held(tx))[1] == before + len(answer)
    await client.batches.cancel(batch.id)
    await turn(services, shop, batch.id)
    async with services.db.tenant(shop.books) as tx:
        found = await repository.batch(tx, row_id(batch.id))
        assert found is not None and (found.state, found.answer_bytes) == ("cancelled", 0)


async def test_answers_are_read_by_their_bytes(
    open_shop: OpenShop, client_of: ClientOf, services: Services
) -> None:
    shop = await open_shop()
    batch = await begun(client_of(shop), [chat(f"q{n}", "peer/503") for n in range(10)])
    await turn(services, shop, batch.id)
    await change(services, shop, "UPDATE batch_line SET answer = convert_to(repeat('x', 1500000), 'UTF8')")
    async with services.db.tenant(shop.books) as tx:
        pages: list[list[int]] = []
        last = 0
        while page := await repository.every_line(
            tx, row_id(batch.id), last, writing.PAGE, writing.PAGE_BYTES
        ):
            pages.append([line.number for line in page])
            last = page[-1].number
        [first] = await repository.every_line(tx, row_id(batch.id), 0, writing.PAGE, 1)
    assert pages == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]]
    assert first.number == 1


async def test_files_that_cannot_be_written_are_begun_three_times(
    open_shop: OpenShop, client_of: ClientOf, services: Services
) -> None:
    shop = await open_shop()
    client = client_of(shop)
    batch = await begun(client, [chat("q1"), chat("later", "peer/503")])
    await turn(services, shop, batch.id)
    await client.batches.cancel(batch.id)
    await change(services, shop, "DELETE FROM stored_file_part")
    for _ in range(running.MOST_DELIVERIES):
        with pytest.raises(Problem):
            await turn(services, shop, batch.id)
        assert (await client.batches.retrieve(batch.id)).status == "cancelling"
    await turn(services, shop, batch.id)
    done = await client.batches.retrieve(batch.id)
    assert done.status == "failed" and done.failed_at
    assert done.errors and done.errors.data
    assert [each.code for each in done.errors.data] == ["batch_undelivered"]
    assert "done" in {line["state"] for line in await lines(services, shop)}, "it was paid for, and is kept"


async def test_what_another_process_has_released_is_not_charged_though_the_workspace_has_a_lease(
    open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer, installation: Installation
) -> None:
    shop = await open_shop("500")
    client = client_of(shop)
    for _ in range(3):
        await client.chat.completions.create(
            model="peer/good", messages=[{"role": "user", "content": "Namaste"}]
        )
        await asyncio.sleep(0.2)
    leases = await holds(services, shop)
    assert len(leases) == 1
    batch = await begun(client, [chat("q", "peer/ponders")])
    before, spent = len(peer.asked), (await shop.purse()).balance_micro
    working = asyncio.create_task(turn(services, shop, batch.id))
    await until_asked(peer, before + 1)
    [line] = await lines(services, shop)
    usage_id = line["usage_id"]
    assert isinstance(usage_id, UUID) and usage_id in await holds(services, shop)
    other = Ledger(installation.data_plane("cm_app").asyncpg)
    await other.release(shop.access.tenant_id, usage_id)
    await other.stop()
    await working
    assert [row["price_micro"] for row in await shop.rows() if row["id"] == usage_id] == [0]
    assert (await shop.purse()).balance_micro == spent
    assert await shop.adds_up()


async def test_an_answer_that_comes_when_the_next_turn_has_begun_is_neither_kept_nor_charged(
    open_shop: OpenShop, client_of: ClientOf, services: Services, peer: Peer
) -> None:
    shop = await open_shop()
    batch = await begun(client_of(shop), [chat("q", "peer/ponders")])
    before = len(peer.asked)
    working = asyncio.create_task(turn(services, shop, batch.id))
    await until_asked(peer, before + 1)
    await change(services, shop, "UPDATE batch SET turn = turn + 1")
    await working
    [line] = await lines(services, shop)
    assert (line["state"], line["answer"]) == ("asked", None)
    assert [row["price_micro"] for row in await shop.rows()] == [0]
    assert (await shop.purse()).held_micro == 0
