"""Erased after thirty days: every store, keys first, each with a receipt; and a backup brings nothing back."""

import pytest

from callmissed.billing import reconcile
from callmissed.foundation import audit, clock, datamap, doors, receipts
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.vault import KeyUnavailable
from callmissed.identity import accounts, erasing, leaving
from callmissed.identity.models import Tenant
from callmissed.identity.problems import WorkspaceClosed
from callmissed.identity.repository import closing as closing_sql
from callmissed.identity.tasks import erase_closed
from tests.support.closing import Firm, close, erase_in_time, every_row, firm_at_work, rows_left, signed_in

pytestmark = pytest.mark.database


@pytest.fixture
async def firm(services: Services) -> Firm:
    """A workspace with something of everything."""
    return await firm_at_work(services)


async def test_after_thirty_days_nothing_is_left_but_the_books(services: Services, firm: Firm) -> None:
    filled = {name for name, rows in (await every_row(services, firm.tenant_id)).items() if rows}
    async with services.verifier.control() as tx:
        wrong_before = {n: v for n, v in (await reconcile(tx)).figures.items() if n.startswith("wrong_")}
    await close(services, firm.owner)
    await erase_in_time(services)
    assert await rows_left(services, firm.tenant_id) == {}
    left = {name for name, rows in (await every_row(services, firm.tenant_id)).items() if rows}
    assert left == {"ledger_entry", "wallet"}
    assert {"message", "usage_record", "knowledge_passage", "api_key", "membership"} <= filled
    async with services.verifier.control() as tx:
        wrong = {n: v for n, v in (await reconcile(tx)).figures.items() if n.startswith("wrong_")}
    assert wrong == wrong_before, "the books still add up"
    assert services.vault.keyring.was_erased(firm.tenant_id)
    assert await services.vault.tenant_key_ids(firm.tenant_id) == []
    with pytest.raises(KeyUnavailable):
        await services.vault.person(firm.tenant_id, uuid7(), "conversation")
    with pytest.raises(WorkspaceClosed):
        async with services.db.tenant(firm.owner):
            pass


async def test_each_store_has_a_receipt_that_anybody_can_verify(services: Services, firm: Firm) -> None:
    keys = await services.vault.tenant_key_ids(firm.tenant_id)
    closing = await close(services, firm.owner)
    keys = await services.vault.tenant_key_ids(firm.tenant_id)
    assert keys
    await erase_in_time(services)
    async with services.db.control() as tx:
        found = await erasing.receipts_of(tx, firm.tenant_id)
    public = receipts.public_key(services.vault)
    bodies = receipts.read_all("".join(found), public)
    assert {body["store"] for body in bodies} == set(erasing.plan("tenant"))
    by_store = {body["store"]: body for body in bodies}
    assert by_store[erasing.KEYS]["keys"] == sorted(str(each) for each in keys)
    assert by_store["message"]["rows"] >= 1
    assert by_store["ledger_entry"]["kept"]["promise"] == "keep.payments"
    assert by_store["ledger_entry"]["kept"]["rows"] >= 2
    assert {body["subject"] for body in bodies} == {str(firm.tenant_id)}
    assert firm.email not in "".join(found)
    assert "Namuna" not in "".join(found)
    forged = found[1].replace('"rows":', '"rows":1')
    with pytest.raises(receipts.ReceiptInvalid):
        receipts.read(forged, public)
    with pytest.raises(receipts.ReceiptInvalid):
        receipts.read_all("", public)
    async with services.db.control() as tx:
        done = await closing_sql.closing(tx, closing.id)
        assert done is not None
        assert done.erased_at is not None
        assert done.closed_by is None


async def test_the_owners_account_goes_with_the_workspace(services: Services, firm: Firm) -> None:
    owner = firm.owner.actor.id
    assert owner
    cookies = await signed_in(services, firm.owner)
    await close(services, firm.owner)
    await erase_in_time(services)
    with clock.travel(days=33):
        await erase_closed(services)
    async with services.verifier.control() as tx:
        for table in erasing.personal_tables():
            for column in erasing.owners_in(table):
                rows = await tx.session.execute(table.select().where(table.columns[column] == owner))
                assert rows.all() == [], f"{table.name}.{column}"
    assert cookies
    async with services.db.control() as tx:
        assert await erasing.receipts_of(tx, owner)


async def test_a_restored_backup_does_not_revive_it(services: Services, firm: Firm) -> None:
    """Put back what an old backup holds: the tenant's own row, as it was, with open doors."""
    await close(services, firm.owner)
    await erase_in_time(services)
    async with services.db.control() as tx:
        row = await closing_sql.tenants_standing(tx)
        assert firm.tenant_id not in row
        back = await tx.session.get(doors.ClosedTenant, firm.tenant_id)
        await tx.session.delete(back)
        revived = await tx.session.get(Tenant, firm.tenant_id)
        assert revived is not None
        revived.state, revived.name = "active", "Namuna Repairs"
    await erase_closed(services)
    with pytest.raises(WorkspaceClosed):
        async with services.db.tenant(firm.owner):
            pass
    async with services.db.control() as tx:
        assert firm.tenant_id not in await closing_sql.tenants_standing(tx)


async def test_the_audit_log_still_verifies(services: Services, firm: Firm) -> None:
    await close(services, firm.owner)
    await erase_in_time(services)
    await audit.seal_all(services.db)
    report = await audit.verify_log(services.verifier, services.vault)
    assert report.findings == []
    assert report.leaves > 0


async def test_every_store_of_the_data_map_has_its_place_in_the_plan(services: Services) -> None:
    del services
    planned = set(erasing.plan("tenant"))
    tenants = {table.name for table in datamap.tables() if datamap.is_tenant_table(table)}
    assert tenants <= planned
    # Places that are no tables: gone by themselves, or in a step of their own.
    outside = {store.name: store.kind for store in datamap.stores()}
    steps = {"procrastinate_jobs", "keyring", "key plane: data_key"}
    fading = {
        name for name, kind in outside.items() if kind in {"memory", "cache", "log"} or name == "live news"
    }
    assert outside.keys() == steps | fading


async def test_an_account_that_owns_nothing_is_closed_opened_again_and_erased(services: Services) -> None:
    address = f"p{uuid7().hex}@namuna.example"
    async with services.db.control() as tx:
        user = await accounts.account_for(tx, address, "en")
    for _ in range(2):
        async with services.db.control() as tx:
            await leaving.close_account(tx, user.id)
        async with services.db.control() as tx:
            await leaving.reopen_account(tx, user.id)
    async with services.db.control() as tx:
        await leaving.close_account(tx, user.id)
    await erase_in_time(services)
    async with services.db.control() as tx:
        bodies = receipts.read_all(
            "".join(await erasing.receipts_of(tx, user.id)), receipts.public_key(services.vault)
        )
        assert {body["store"] for body in bodies} == set(erasing.plan("account"))
        assert await services.vault.tenants_of(user.id) == []
        again = await accounts.account_for(tx, address, "en")
    assert again.id != user.id
