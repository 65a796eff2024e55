"""Against the promises on leaving and on being told: keep.deleted-account, use.transactional, children.none."""

from collections.abc import AsyncGenerator

from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages

CLOSED = (
    "INSERT INTO closing (id, kind, subject_id, closed_at, ends_at, erasing_at, erased_at, created_at)"
    " VALUES ('00000000-0000-7000-8000-000000000001', 'tenant', gen_random_uuid(), now() - interval '40 days',"
    " now() - interval '10 days', {}, {}, now() - interval '40 days')"
)
FORGET = (
    (
        "DELETE FROM membership WHERE tenant_id IN"
        " (SELECT subject_id FROM closing WHERE id = '00000000-0000-7000-8000-000000000001')"
    ),
    "DELETE FROM erasure_step WHERE closing_id = '00000000-0000-7000-8000-000000000001'",
    "DELETE FROM closing WHERE id = '00000000-0000-7000-8000-000000000001'",
)


async def closed(house: House, *statements: str) -> AsyncGenerator[None]:
    """These statements, and all of it gone again."""
    await house.sql(*statements)
    try:
        yield
    finally:
        await house.sql(*FORGET)


@sabotages("keep.deleted-account", "1 erasures late", late=1)
async def erasure_that_does_not_come(house: House) -> AsyncGenerator[None]:
    """Leaves a workspace as it is, ten days after its thirty days were over."""
    async for _ in closed(house, CLOSED.format("NULL", "NULL")):
        yield


@sabotages("keep.deleted-account", "1 erasures late", late=1)
async def erasure_that_waits_for_no_hold(house: House) -> AsyncGenerator[None]:
    """Says that a hold keeps a workspace from being erased, where none is in force."""
    held = "UPDATE closing SET held_at = now() WHERE id = '00000000-0000-7000-8000-000000000001'"
    async for _ in closed(house, CLOSED.format("NULL", "NULL"), held):
        yield


@sabotages("keep.deleted-account", "1 rows left", left=1)
async def store_that_was_skipped(house: House) -> AsyncGenerator[None]:
    """Calls a workspace erased while one store still has a row of it."""
    left = (
        "INSERT INTO membership (tenant_id, id, user_id, role, created_at) SELECT subject_id, gen_random_uuid(),"
        " gen_random_uuid(), 'owner', now() FROM closing WHERE id = '00000000-0000-7000-8000-000000000001'"
    )
    async for _ in closed(house, CLOSED.format("now()", "now()"), left):
        yield


@sabotages("keep.deleted-account", "1 rows left", left=1)
async def way_in_that_was_kept(house: House) -> AsyncGenerator[None]:
    """Calls an account erased while what it signed in with through a provider still stands."""
    left = (
        "INSERT INTO linked_identity (id, user_id, provider, subject_index, email, created_at) SELECT gen_random_uuid(),"
        " subject_id, 'planted', '\\x01', '\\x01', now() FROM closing WHERE id = '00000000-0000-7000-8000-000000000001'"
    )
    account = CLOSED.replace("'tenant'", "'account'").format("now()", "now()")
    try:
        async for _ in closed(house, account, left):
            yield
    finally:
        await house.sql("DELETE FROM linked_identity WHERE provider = 'planted'")


@sabotages("keep.deleted-account", "1 without all receipts", without_receipt=1, left=0)
async def receipt_that_is_missing(house: House) -> AsyncGenerator[None]:
    """Calls a workspace erased with a store that nobody signed for."""
    step = (
        "INSERT INTO erasure_step (id, closing_id, position, store, removed, done_at, created_at)"
        " VALUES (gen_random_uuid(), '00000000-0000-7000-8000-000000000001', 0, 'bot', 1, now(), now())"
    )
    async for _ in closed(house, CLOSED.format("now()", "now()"), step):
        yield


@sabotages("use.transactional", "1 letters late", late=1)
async def letter_that_waits(house: House) -> AsyncGenerator[None]:
    """Keeps a letter in the queue for ten minutes."""
    async with house.done(
        "INSERT INTO mail_message (id, person_id, template, language, recipient, state, attempts, created_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'planted', 'en', '\\x01', 'queued', 0, now() - interval '10 minutes')",
        "DELETE FROM mail_message WHERE template = 'planted'",
    ):
        yield


@sabotages("use.transactional", "0 events without a letter", unwritten=1)
async def warning_without_a_letter(house: House) -> AsyncGenerator[None]:
    """Notes that somebody was warned, and writes no letter."""
    async with house.done(
        "INSERT INTO security_alert (id, user_id, what, letter_id, expires_at, created_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), 'planted', gen_random_uuid(), now(), now())",
        "DELETE FROM security_alert WHERE what = 'planted'",
    ):
        yield


@sabotages("use.transactional", "1 events without a letter", untold=1)
async def event_nobody_was_told_of(house: House) -> AsyncGenerator[None]:
    """Makes a key without a word to anybody, past the lock of the log."""
    planted = "'00000000-0000-7000-8000-000000000002'"
    await house.sql(
        "INSERT INTO security_alert (id, user_id, what, letter_id, expires_at, created_at) SELECT gen_random_uuid(),"
        " gen_random_uuid(), 'planted', id, now(), now() - interval '1 hour' FROM mail_message LIMIT 1",
        "INSERT INTO audit_leaf (tenant_id, id, created_at, actor_kind, action, body, digest) VALUES"
        f" ('{house.access.tenant_id}', {planted}, now(), 'user', 'identity:key:created', '{{}}', '\\x00')",
    )
    try:
        yield
    finally:
        await house.sql(
            "ALTER TABLE audit_leaf DISABLE TRIGGER append_only",
            f"DELETE FROM audit_leaf WHERE id = {planted}",
            "ALTER TABLE audit_leaf ENABLE TRIGGER append_only",
            "DELETE FROM security_alert WHERE what = 'planted'",
        )


@sabotages("children.none", "1 accounts without a declaration", undeclared=1)
async def account_without_an_age(house: House) -> AsyncGenerator[None]:
    """Lets somebody in who never said that they are 18."""
    mine = f"id = '{house.access.actor.id}'"
    async with house.saved("user_account", mine):
        await house.sql(
            f"UPDATE user_account SET adult_declared_at = NULL, created_at = now() - interval '3 days' WHERE {mine}"
        )
        yield


@sabotages("children.none", "1 signs of a child past their time", overdue=1)
async def sign_of_a_child_nobody_settles(house: House) -> AsyncGenerator[None]:
    """Lets a sign of a child lie past its time."""
    async with house.done(
        "INSERT INTO child_signal (id, user_id, due_at, created_at) VALUES ('00000000-0000-7000-8000-000000000003',"
        " gen_random_uuid(), now() - interval '1 hour', now() - interval '4 days')",
        "DELETE FROM child_signal WHERE id = '00000000-0000-7000-8000-000000000003'",
    ):
        yield
