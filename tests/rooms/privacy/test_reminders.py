"""Once a quarter everybody with an account is told again what applies: once each, and it is written down."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text

from callmissed.foundation import clock, mail
from callmissed.foundation.services import Services
from callmissed.privacy import policy_reminders
from callmissed.privacy.reminders import quarter_of
from tests.rooms.privacy.house import House
from tests.support.mailbox import send_waiting
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database

SUBJECT = "A reminder of the rules, and of our privacy policy"


def test_a_quarter_begins_in_india() -> None:
    assert quarter_of(date(2027, 1, 1)) == ("2027-Q1", date(2027, 1, 1))
    assert quarter_of(date(2027, 3, 31)) == ("2027-Q1", date(2027, 1, 1))
    assert quarter_of(date(2028, 2, 29)) == ("2028-Q1", date(2028, 1, 1))
    assert quarter_of(date(2026, 12, 31)) == ("2026-Q4", date(2026, 10, 1))


async def scalar(services: Services, query: str, **values: object) -> Any:
    async with services.db.control() as tx:
        return await tx.session.scalar(text(query), values)


async def round_of_reminding(services: Services) -> None:
    await policy_reminders.remind(services)
    await send_waiting(services)
    await policy_reminders.remind(services)


@pytest.fixture
async def next_year(house: House) -> Any:
    """A quarter in which everybody here already had an account."""
    await workspace_of_someone(house.services)
    with clock.travel(days=400):
        yield house.services
    await house.sql("DELETE FROM policy_delivery WHERE version_id IN (SELECT id FROM policy_reminder)")
    await house.sql("DELETE FROM policy_reminder")


async def test_everybody_is_reminded_once_a_quarter(next_year: Services) -> None:
    people = await scalar(next_year, "SELECT count(*) FROM user_account WHERE deactivated_at IS NULL")
    await asyncio.gather(*(policy_reminders.remind(next_year) for _ in range(3)))
    await round_of_reminding(next_year)
    async with next_year.db.control() as tx:
        done = await policy_reminders.newest(tx)
        letters = [each.letter for each in await mail.kept_letters(tx) if each.letter.subject == SUBJECT]
    assert done is not None
    assert (done.told.queued, done.told.by_email) == (0, people)
    assert done.ended_at is not None
    assert "can lose the account" in letters[0].text
    assert "of our privacy policy applies, since" in letters[0].text
    await round_of_reminding(next_year)
    queued = "SELECT count(*) FROM mail_message WHERE template = 'privacy.reminder'"
    assert await scalar(next_year, queued) == people, "a second round of the same quarter writes to nobody"
    async with next_year.verifier.control() as tx:
        written = text(
            "SELECT body FROM audit_leaf WHERE action = 'privacy:reminder:sent' ORDER BY id DESC LIMIT 1"
        )
        leaf = await tx.session.scalar(written)
    assert leaf["by_email"] == people
    assert leaf["quarter"] == done.quarter
    with clock.travel(days=400 + 92):
        await round_of_reminding(next_year)
        assert await scalar(next_year, queued) == 2 * people, "the next quarter is told anew"


async def test_whom_no_letter_reaches_reads_it_in_the_console(next_year: Services) -> None:
    await policy_reminders.remind(next_year)
    await scalar(
        next_year,
        "UPDATE mail_message SET state = 'failed', settled_at = now(), body = NULL WHERE state = 'queued' RETURNING 1",
    )
    await policy_reminders.remind(next_year)
    someone = await scalar(next_year, "SELECT person_id FROM policy_delivery WHERE way = 'console' LIMIT 1")
    async with next_year.db.control() as tx:
        assert await policy_reminders.unreached(tx, someone)
        with clock.travel(days=400 + 184):
            assert not await policy_reminders.unreached(tx, someone), "an old reminder is no news"


async def test_who_came_this_quarter_waits_for_the_next(house: House) -> None:
    begun = datetime.combine(quarter_of(clock.now().date())[1], datetime.min.time(), UTC)
    async with house.services.db.control() as tx:
        older = await tx.session.scalar(
            text("SELECT count(*) FROM user_account WHERE created_at < :at"), {"at": begun}
        )
    assert older == 0, "accounts of this run are younger than the quarter"
    try:
        await round_of_reminding(house.services)
        async with house.services.db.control() as tx:
            done = await policy_reminders.newest(tx)
        assert done is not None
        assert (done.told.by_email, done.told.queued) == (0, 0)
        assert done.ended_at is not None
    finally:
        await house.sql("DELETE FROM policy_reminder")
