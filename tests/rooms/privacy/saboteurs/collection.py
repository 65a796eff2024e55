"""Against what is collected: collect.account, collect.idp, collect.usage, payment.no-card."""

from collections.abc import AsyncGenerator

from sqlalchemy import Column, LargeBinary

from callmissed.app.probes import secrets_in_logs
from callmissed.foundation.datamap import Category, Whose, personal
from callmissed.foundation.ids import uuid7
from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages

CARD = "4111 1111 1111 1111"
"""The card number that payment companies give for tests: valid by its check digit, nobody's."""

LEDGER_ROW = """INSERT INTO ledger_entry (tenant_id, at, id, debit, credit, amount_micro, kind, ref)
VALUES (%(tenant)s, cm.moment(%(ref)s), %(ref)s, 'promotions', 'payments', 1, %(kind)s, %(ref)s)"""


@sabotages("collect.account", "user_account.caste", wrong=1)
async def column_that_nobody_declared(house: House) -> AsyncGenerator[None]:
    """Adds a column to the accounts that the data map does not know."""
    async with house.done(
        "ALTER TABLE user_account ADD COLUMN caste text", "ALTER TABLE user_account DROP COLUMN caste"
    ):
        yield


@sabotages("collect.account", "user_account.phone", wrong=1)
async def phone_number_made_compulsory(house: House) -> AsyncGenerator[None]:
    """Makes the phone number a must."""
    change = "UPDATE pg_attribute SET attnotnull = {} WHERE attrelid = 'user_account'::regclass AND attname = 'phone'"
    async with house.done(change.format("true"), change.format("false")):
        yield


@sabotages("collect.account", "hobby.hobby", wrong=1)
async def account_data_beyond_the_list(house: House) -> AsyncGenerator[None]:
    """Declares one more kind of account data, openly, which the policy does not list."""
    hobby = personal(Category.ACCOUNT, Whose.USER, "hobby", person="id")
    with house.mapped(Column("hobby", LargeBinary, info={"holds": hobby}), table="hobby"):
        yield


@sabotages("collect.account", "membership", verdict="unknown")
async def accounts_closed_to_the_verifier(house: House) -> AsyncGenerator[None]:
    """Hides a table of accounts from the checks."""
    async with house.done(
        "REVOKE SELECT ON membership FROM cm_verifier", "GRANT SELECT ON membership TO cm_verifier"
    ):
        yield


@sabotages("collect.idp", "greedy", wrong=1, providers=1)
async def provider_asked_for_the_phone(house: House) -> AsyncGenerator[None]:
    """Asks a provider for more than the policy says."""

    async def asked() -> dict[str, str]:
        return {"greedy": "openid email profile phone"}

    with house.answering("identity.scopes", asked):
        yield


@sabotages("collect.idp", "linked_identity.picture", wrong=1)
async def claim_that_was_kept(house: House) -> AsyncGenerator[None]:
    """Keeps a person's picture beside who they are at a provider."""
    async with house.done(
        "ALTER TABLE linked_identity ADD COLUMN picture text",
        "ALTER TABLE linked_identity DROP COLUMN picture",
    ):
        yield


@sabotages("collect.idp", "user_account.passwd", wrong=1)
async def column_for_a_password(house: House) -> AsyncGenerator[None]:
    """Makes room for a password."""
    async with house.done(
        "ALTER TABLE user_account ADD COLUMN passwd bytea", "ALTER TABLE user_account DROP COLUMN passwd"
    ):
        yield


@sabotages("collect.idp", verdict="unknown")
async def providers_that_nobody_names(house: House) -> AsyncGenerator[None]:
    """Silences the source of what providers are asked for."""
    with house.answering("identity.scopes", None):
        yield


@sabotages("collect.usage", "1 usage rows with words", wordy=1)
async def message_in_a_usage_row(house: House) -> AsyncGenerator[None]:
    """Writes what somebody said where the model's name belongs."""
    async with house.usage_row(model="please call me back about my fridge"):
        yield


@sabotages("collect.usage", "1 usage rows with words", wordy=1)
async def short_message_in_hindi(house: House) -> AsyncGenerator[None]:
    """Writes two Hindi words into a usage row."""
    async with house.usage_row(model="मदद चाहिए"):
        yield


@sabotages("collect.usage", "1 usage rows with words", wordy=1)
async def long_message_without_blanks(house: House) -> AsyncGenerator[None]:
    """Hides a long message in a usage row by taking out its blanks."""
    async with (
        house.done(
            "ALTER TABLE usage_record ALTER COLUMN model TYPE text",
            "ALTER TABLE usage_record ALTER COLUMN model TYPE varchar(100)",
        ),
        house.usage_row(model="Please-call-me-back-" * 7),
    ):
        yield


@sabotages("collect.usage", "1 usage rows with words", wordy=1)
async def reason_in_the_ledger(house: House) -> AsyncGenerator[None]:
    """Writes a sentence as the kind of a ledger entry."""
    ref = uuid7()
    await house.sql(LEDGER_ROW, tenant=house.access.tenant_id, ref=ref, kind="why did you take it")
    async with house.done("SELECT 1", f"DELETE FROM ledger_entry WHERE ref = '{ref}'"):
        yield


@sabotages("collect.usage", "1 columns that could hold some", content_columns=1, wordy=0)
async def column_for_prompts(house: House) -> AsyncGenerator[None]:
    """Adds a column for prompts to the usage records, still empty."""
    async with house.done(
        "ALTER TABLE usage_record ADD COLUMN prompt text", "ALTER TABLE usage_record DROP COLUMN prompt"
    ):
        yield


@sabotages("collect.usage", "1 columns that could hold some", content_columns=1)
async def usage_column_declared_as_content(house: House) -> AsyncGenerator[None]:
    """Declares a column of the usage records as content."""
    words = personal(Category.CONTENT, Whose.CONTACT, "what was said", person="conversation_id")
    with house.declaring("usage_record", "endpoint", words):
        yield


@sabotages("collect.usage", "usage_record", verdict="unknown")
async def usage_closed_to_the_verifier(house: House) -> AsyncGenerator[None]:
    """Hides the usage records from the checks."""
    async with house.done(
        "REVOKE SELECT ON usage_record FROM cm_verifier", "GRANT SELECT ON usage_record TO cm_verifier"
    ):
        yield


@sabotages("payment.no-card", "1 card numbers found", cards=1)
async def card_number_in_the_ledger(house: House) -> AsyncGenerator[None]:
    """Writes a card number as the kind of a ledger entry."""
    ref = uuid7()
    await house.sql(LEDGER_ROW, tenant=house.access.tenant_id, ref=ref, kind=CARD)
    async with house.done("SELECT 1", f"DELETE FROM ledger_entry WHERE ref = '{ref}'"):
        yield


@sabotages("payment.no-card", "1 card numbers found", cards=1)
async def card_number_in_a_webhook_body(house: House) -> AsyncGenerator[None]:
    """Keeps the body of a payment company's call, with a card number in it."""
    body = f'{{"id": 1234567890123, "card": {{"number": "{CARD}"}}}}'
    async with house.done(
        f"CREATE TABLE webhook_body AS SELECT '{body}'::jsonb AS body; GRANT SELECT ON webhook_body TO cm_verifier",
        "DROP TABLE webhook_body",
    ):
        yield


@sabotages("payment.no-card", "1 card numbers found", cards=1)
async def card_number_as_a_job_argument(house: House) -> AsyncGenerator[None]:
    """Queues a job with a card number as its argument."""
    async with house.done(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, scheduled_at) VALUES"
        f" ('planted', 'planted', 'planted', '{{\"card\": \"{CARD}\"}}', now() + interval '1 year')",
        "DELETE FROM procrastinate_jobs WHERE queue_name = 'planted'",
    ):
        yield


@sabotages("payment.no-card", "1 card numbers found", cards=1)
async def card_number_in_a_log(house: House) -> AsyncGenerator[None]:
    """Logs a payment with its card number."""
    log = house.installation.home / "payments.log"
    log.write_text(f"order 42 paid with {CARD.replace(' ', '')} by UPI\n")
    try:
        yield
    finally:
        log.unlink()


@sabotages("payment.no-card", "wallet", verdict="unknown")
async def wallets_closed_to_the_verifier(house: House) -> AsyncGenerator[None]:
    """Hides the wallets from the checks."""
    async with house.done(
        "REVOKE SELECT ON wallet FROM cm_verifier", "GRANT SELECT ON wallet TO cm_verifier"
    ):
        yield


@sabotages("payment.no-card", "logs.secrets", verdict="unknown")
async def payment_logs_elsewhere(house: House) -> AsyncGenerator[None]:
    """Moves the logs to where the checks find none."""

    async def nothing_there() -> dict[str, int]:
        return secrets_in_logs(house.installation.home / "keyring")

    with house.answering("logs.secrets", nothing_there):
        yield
