"""Against keeping and use: keep.usage-logs, keep.active, use.plan. Against logs: see `logging.py`."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from callmissed.billing.models import EndUserSpend, KeySpend, UsageRecord
from callmissed.foundation.datamap import Keep
from callmissed.foundation.ids import uuid7
from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages


@sabotages("keep.usage-logs", "1 rows past the limit; the oldest is 91 days old", late=1, oldest_days=91)
async def row_of_91_days(house: House) -> AsyncGenerator[None]:
    """Keeps a usage record for 91 days."""
    at = "(now() - interval '91 days 1 minute')"
    [(partition,)] = await house.sql(
        f"SELECT cm.ensure_partitions('usage_record', {at}::date, 0)",
        f"SELECT 'usage_record_' || to_char({at} AT TIME ZONE 'UTC', 'YYYYMM')",
    )
    try:
        async with house.usage_row(at):
            yield
    finally:
        await house.sql(f"DROP TABLE {partition}")


@sabotages("keep.usage-logs", "1 rows past the limit", late=1)
async def longer_period_in_the_map(house: House) -> AsyncGenerator[None]:
    """Declares a longer period for usage than the policy allows, and uses it."""
    before = UsageRecord.__keep__
    UsageRecord.__keep__ = replace(before, days=400)
    try:
        async for _ in row_of_91_days(house):
            yield
    finally:
        UsageRecord.__keep__ = before


@sabotages("keep.usage-logs", "data map", verdict="unknown")
async def no_store_of_usage_in_the_map(house: House) -> AsyncGenerator[None]:
    """Has the usage records live by no promise."""
    stores = {each: each.__keep__ for each in (EndUserSpend, KeySpend, UsageRecord)}
    for store, before in stores.items():
        store.__keep__ = Keep(days=90, anchor=before.anchor, promise="none")
    try:
        yield
    finally:
        for store, before in stores.items():
            store.__keep__ = before


@sabotages("keep.usage-logs", "could not be finished", verdict="unknown")
async def usage_hidden_from_the_verifier(house: House) -> AsyncGenerator[None]:
    """Takes the right to read usage away from the checks."""
    async with house.done(
        "REVOKE SELECT ON usage_record FROM cm_verifier", "GRANT SELECT ON usage_record TO cm_verifier"
    ):
        yield


@sabotages("keep.active", "1 rows without an account", orphans=1, incomplete=0)
async def row_without_a_business(house: House) -> AsyncGenerator[None]:
    """Leaves a contact behind whose business is gone."""
    made = f"'{uuid7()}'"
    async with house.done(
        f"INSERT INTO contact (tenant_id, id, language, first_seen, created_at) VALUES ({made}, {made}, 'en', now(), now())",
        f"DELETE FROM contact WHERE tenant_id = {made}",
    ):
        yield


@sabotages("keep.active", "1 people without theirs", orphans=0, incomplete=1)
async def member_without_an_account(house: House) -> AsyncGenerator[None]:
    """Loses the account of somebody who works in a business."""
    async with house.saved("user_account"):
        await house.sql("DELETE FROM user_account")
        yield


@sabotages("keep.active", "could not be finished", verdict="unknown")
async def businesses_hidden_from_the_verifier(house: House) -> AsyncGenerator[None]:
    """Takes the right to read the list of businesses away from the checks."""
    async with house.done(
        "REVOKE SELECT ON tenant FROM cm_verifier", "GRANT SELECT ON tenant TO cm_verifier"
    ):
        yield


@sabotages("use.plan", "calls or wallets do not add up", wrong_uncharged=1, wrong_balances=1, wrong=2)
async def dropped_ledger_entry(house: House) -> AsyncGenerator[None]:
    """Drops the charge of a paid call from the ledger."""
    async with house.saved("ledger_entry", "kind = 'usage'"):
        await house.sql("DELETE FROM ledger_entry WHERE kind = 'usage'")
        yield


@sabotages("use.plan", "calls or wallets do not add up", wrong_unrecorded=1, wrong=1)
async def dropped_usage_record(house: House) -> AsyncGenerator[None]:
    """Drops the only usage record, whose call was charged."""
    async with house.saved("usage_record"):
        await house.sql("DELETE FROM usage_record")
        yield


@sabotages("use.plan", "calls or wallets do not add up", wrong_amount=1, wrong=1)
async def call_charged_more_than_its_price(house: House) -> AsyncGenerator[None]:
    """Charges a call a rupee more than its record says; the wallet agrees with the ledger."""
    async with house.saved("ledger_entry", "kind = 'usage'"), house.saved("wallet"):
        await house.sql(
            "UPDATE ledger_entry SET amount_micro = amount_micro + 1000000 WHERE kind = 'usage'",
            "UPDATE wallet SET balance_micro = balance_micro - 1000000",
        )
        yield


@sabotages("use.plan", "calls or wallets do not add up", wrong_amount=1, wrong=1, billed_requests=1)
async def call_charged_twice(house: House) -> AsyncGenerator[None]:
    """Takes the lock against double charges away and charges a call twice; the wallet agrees with the ledger."""
    again = uuid7()
    lock = "uq_ledger_entry_ref_kind"
    async with house.saved("wallet"):
        await house.sql(f"ALTER TABLE ledger_entry DROP CONSTRAINT {lock}")
        try:
            await house.sql(
                "INSERT INTO ledger_entry (tenant_id, at, id, debit, credit, amount_micro, kind, ref)"
                f" SELECT tenant_id, at, '{again}', debit, credit, amount_micro, kind, ref FROM ledger_entry WHERE kind = 'usage'",
                "UPDATE wallet SET balance_micro = balance_micro - 1500000",
            )
            yield
        finally:
            await house.sql(
                f"DELETE FROM ledger_entry WHERE id = '{again}'",
                f"ALTER TABLE ledger_entry ADD CONSTRAINT {lock} UNIQUE (tenant_id, at, ref, kind)",
            )


@sabotages("use.plan", "1 calls or wallets do not add up", wrong_balances=1, wrong=1)
async def balance_that_is_not_the_sum(house: House) -> AsyncGenerator[None]:
    """Takes a rupee from a wallet without an entry."""
    async with house.saved("wallet"):
        await house.sql("UPDATE wallet SET balance_micro = balance_micro - 1000000")
        yield


@sabotages("use.plan", "1 calls or wallets do not add up", wrong_balances=1, wrong=1)
async def wallet_that_is_gone(house: House) -> AsyncGenerator[None]:
    """Loses a wallet whose entries are there."""
    async with house.saved("wallet"):
        await house.sql("DELETE FROM wallet")
        yield


@sabotages("use.plan", "1 calls or wallets do not add up", wrong_holds=1, wrong=1)
async def money_held_for_nothing(house: House) -> AsyncGenerator[None]:
    """Sets money of a wallet aside for no call."""
    async with house.saved("wallet"):
        await house.sql("UPDATE wallet SET held_micro = 5")
        yield


@sabotages("use.plan", "1 calls or wallets do not add up", wrong_holds=1, wrong=1)
async def money_held_in_no_wallet(house: House) -> AsyncGenerator[None]:
    """Sets money aside for a business that has no wallet."""
    made = f"'{uuid7()}'"
    async with house.done(
        f"INSERT INTO wallet_hold (tenant_id, id, amount_micro, created_at) VALUES ({made}, {made}, 5, now())",
        f"DELETE FROM wallet_hold WHERE tenant_id = {made}",
    ):
        yield


@sabotages("use.plan", "billing.reconciliation", verdict="unknown")
async def books_that_nobody_compares(house: House) -> AsyncGenerator[None]:
    """Takes the right to read the ledger away from the checks."""
    async with house.done(
        "REVOKE SELECT ON ledger_entry FROM cm_verifier", "GRANT SELECT ON ledger_entry TO cm_verifier"
    ):
        yield
