"""Reminding people: once a quarter everybody with an account reads again what happens to those who break the rules, which policy
applies, and what changed in it within a year (IT Rules 2021, rule 3(1)(c) and (f)).

Told as versions are (`deliveries`): by letter, and whom no letter reaches by a line in their console. A quarter begins in India.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from babel.dates import format_date
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation import audit, clock, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import Reader
from callmissed.privacy import versions
from callmissed.privacy.deliveries import Told, enlist, settle, told_so_far
from callmissed.privacy.law import begins, day_of
from callmissed.privacy.models import PolicyDelivery, PolicyReminder
from callmissed.privacy.versions import Version

LETTER = "privacy.reminder"
YEAR = timedelta(days=365)
MOST_CHANGES = 8


@dataclass(frozen=True, slots=True)
class Reminder:
    """The reminder of one quarter: which it is, when it began and ended (None: under way), and how far it is."""

    quarter: str
    began_at: datetime
    ended_at: datetime | None
    told: Told


def quarter_of(day: date) -> tuple[str, date]:
    """The name of the quarter in which a day lies, and its first day."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return f"{day.year}-Q{(first.month + 2) // 3}", first


async def remind(services: Services) -> None:
    """One round: letters of this quarter to those who have none, what has arrived, and the end once nobody waits."""
    quarter, first = quarter_of(day_of(clock.now()))
    async with services.db.control() as tx:
        campaign = await _campaign(tx, quarter)
        if campaign.ended_at is not None:
            return
    while await _enlist(services, campaign.id, begins(first)):
        pass
    async with services.db.control() as tx:
        await settle(tx, campaign.id)
        await _end(tx, campaign.id)


async def _campaign(tx: Tx, quarter: str) -> PolicyReminder:
    """The reminder of a quarter, begun where it has not been."""
    row = {"id": uuid7(), "quarter": quarter, "created_at": clock.now()}
    await tx.session.execute(insert(PolicyReminder).values(row).on_conflict_do_nothing())
    query = select(PolicyReminder).where(PolicyReminder.quarter == quarter)
    return (await tx.session.scalars(query)).one()


async def _enlist(services: Services, campaign_id: UUID, since_before: datetime) -> int:
    async with services.db.control() as tx:
        await tx.session.get_one(PolicyReminder, campaign_id, with_for_update=True)
        applies, changed = await _said(tx)

        async def write(reader: Reader) -> UUID:
            return await mail.queue(
                tx,
                reader.id,
                reader.email,
                LETTER,
                language=reader.language,
                number=applies.number,
                since=_day(applies.effective_at, reader.language),
                changes=[f"{_day(each.effective_at, reader.language)}: {each.summary}" for each in changed],
            )

        return await enlist(tx, campaign_id, since_before, write)


async def _said(tx: Tx) -> tuple[Version, Sequence[Version]]:
    """The version that applies, and those of the last year that changed it, newest first."""
    since, now = clock.now() - YEAR, clock.now()
    changed = [
        each
        for each in await versions.all_versions(tx)
        if each.notice != "first" and each.effective_at is not None and since <= each.effective_at <= now
    ]
    return await versions.in_effect(tx), changed[:MOST_CHANGES]


def _day(moment: datetime | None, language: str) -> str:
    return format_date(day_of(moment or clock.now()), "d MMMM y", locale=language)


async def _end(tx: Tx, campaign_id: UUID) -> None:
    """Write down that everybody was reminded: how many, how, and of what."""
    row = await tx.session.get_one(PolicyReminder, campaign_id, with_for_update=True)
    told = await told_so_far(tx, campaign_id)
    if row.ended_at is not None or told.queued:
        return
    applies, _ = await _said(tx)
    row.ended_at = clock.now()
    body = {
        "quarter": row.quarter,
        "version": applies.number,
        "letter": letter_digest(),
        "by_email": told.by_email,
        "by_console": told.by_console,
    }
    await audit.record(tx, "privacy:reminder:sent", target=row.id, body=body)


def letter_digest() -> str:
    """SHA-256 of the letter as it stands in English, before anybody's data is in it."""
    return sha256(mail.compose(LETTER, "en", number=0, since="", changes=[]).stored().encode()).hexdigest()


async def newest(tx: Tx) -> Reminder | None:
    """The newest reminder; None before there is one."""
    row = await tx.session.scalar(select(PolicyReminder).order_by(PolicyReminder.quarter.desc()).limit(1))
    if row is None:
        return None
    return Reminder(row.quarter, row.created_at, row.ended_at, await told_so_far(tx, row.id))


async def unreached(tx: Tx, person_id: UUID) -> bool:
    """Whether this quarter's letter did not reach somebody, so that their console says it."""
    quarter, _ = quarter_of(day_of(clock.now()))
    query = (
        select(PolicyDelivery.id)
        .join(PolicyReminder, PolicyReminder.id == PolicyDelivery.version_id)
        .where(
            PolicyReminder.quarter == quarter,
            PolicyDelivery.person_id == person_id,
            PolicyDelivery.way == "console",
        )
    )
    return await tx.session.scalar(query) is not None
