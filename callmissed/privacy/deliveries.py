"""Telling everybody of a version: a letter to each person with an account, and the day of effect once all are told.

Who cannot be reached by letter is told by the notice that stands in their console from then on (Policy §12: by e-mail or
dashboard notice). The work is cut into pages, each a transaction of its own: a crash repeats at most nothing, because a person
and a version have one delivery.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from babel.dates import format_date
from sqlalchemy import func, select, text

from callmissed.foundation import audit, clock, i18n, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.i18n import t
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import Reader, readers
from callmissed.privacy.changes import Change, changes
from callmissed.privacy.law import begins, day_of
from callmissed.privacy.models import PolicyDelivery, PolicyVersion
from callmissed.privacy.promises.operator import NOTICE_DAYS
from callmissed.privacy.text import written

PAGE = 200
SHOWN_CHANGES = 8

SETTLE = """\
UPDATE policy_delivery d SET way = CASE WHEN m.state = 'failed' THEN 'console' ELSE 'email' END, delivered_at = m.settled_at
FROM mail_message m
WHERE m.id = d.letter_id AND d.version_id = :version AND d.way = 'queued' AND m.state <> 'queued'"""


@dataclass(frozen=True, slots=True)
class Told:
    """How far the telling of a version is."""

    queued: int
    by_email: int
    by_console: int
    last_at: datetime | None


async def tell(services: Services) -> None:
    """One round for the version that waits: letters to those who have none, what has arrived, and the day if all have."""
    async with services.db.control() as tx:
        version = await _waiting(tx)
    if version is None:
        return
    while await _enlist(services, version):
        pass
    async with services.db.control() as tx:
        await settle(tx, version.id)
        await _set_day(tx, version.id)


async def _waiting(tx: Tx) -> PolicyVersion | None:
    query = select(PolicyVersion).where(PolicyVersion.notice == "told", PolicyVersion.effective_at.is_(None))
    return await tx.session.scalar(query)


async def _enlist(services: Services, version: PolicyVersion) -> int:
    """Write letters to the next page of people; how many."""
    async with services.db.control() as tx:
        await tx.session.execute(
            select(PolicyVersion.id).where(PolicyVersion.id == version.id).with_for_update()
        )
        before = select(PolicyVersion.text).where(PolicyVersion.number == version.number - 1)
        changed = changes(await tx.session.scalar(before) or {}, version.text)

        async def write(reader: Reader) -> UUID:
            return await _letter(tx, version, reader, changed)

        return await enlist(tx, version.id, version.published_at, write)


async def enlist(
    tx: Tx, campaign_id: UUID, since_before: datetime, write: Callable[[Reader], Awaitable[UUID]]
) -> int:
    """Write to the next page of people who had an account before that moment, once each; how many.

    `write` queues the letter of one and gives its id. The caller holds the lock of what is told: a version, or a reminder.
    """
    told = select(PolicyDelivery.person_id).where(PolicyDelivery.version_id == campaign_id)
    last: UUID | None = await tx.session.scalar(told.order_by(PolicyDelivery.person_id.desc()).limit(1))
    page = await readers(tx, since_before=since_before, after=last, limit=PAGE)
    for reader in page:
        letter = await write(reader)
        tx.session.add(
            PolicyDelivery(
                id=uuid7(), version_id=campaign_id, person_id=reader.id, letter_id=letter, way="queued"
            )
        )
    return len(page)


async def settle(tx: Tx, campaign_id: UUID) -> None:
    """Note which letters have arrived, and which did not."""
    await tx.session.execute(text(SETTLE), {"version": campaign_id})


async def _letter(tx: Tx, version: PolicyVersion, reader: Reader, changed: Sequence[Change]) -> UUID:
    with i18n.speaking(reader.language):
        told = [each.told() for each in changed if each.material]
        more = len(told) - SHOWN_CHANGES
        listed = told[:SHOWN_CHANGES] + ([t("… and %(n)s more.") % {"n": more}] if more > 0 else [])
        earliest = earliest_effect(clock.now())
        return await mail.queue(
            tx,
            reader.id,
            reader.email,
            "privacy.policy_changed",
            language=reader.language,
            number=version.number,
            changes=listed,
            day=format_date(earliest, "d MMMM y", locale=reader.language),
        )


def earliest_effect(told_at: datetime) -> date:
    """The first day on which a change can apply to somebody told at that moment: 30 whole days lie between."""
    return day_of(told_at) + timedelta(days=NOTICE_DAYS + 1)


async def told_so_far(tx: Tx, campaign_id: UUID) -> Told:
    """How far the telling is."""
    query = (
        select(PolicyDelivery.way, func.count(), func.max(PolicyDelivery.delivered_at))
        .where(PolicyDelivery.version_id == campaign_id)
        .group_by(PolicyDelivery.way)
    )
    rows = {way: (count, last) for way, count, last in await tx.session.execute(query)}
    lasts = [last for _, last in rows.values() if last is not None]
    counts = [rows.get(way, (0, None))[0] for way in ("queued", "email", "console")]
    return Told(*counts, last_at=max(lasts, default=None))


async def told_of_newest(tx: Tx) -> Told | None:
    """How far the telling of the newest version is; None where it needs none."""
    query = select(PolicyVersion.id, PolicyVersion.notice).order_by(PolicyVersion.number.desc()).limit(1)
    row = (await tx.session.execute(query)).one_or_none()
    return await told_so_far(tx, row.id) if row is not None and row.notice == "told" else None


async def _set_day(tx: Tx, version_id: UUID) -> None:
    """Set the day of effect once nobody waits for a letter any more; 30 days from publication where there is nobody."""
    row = await tx.session.get(PolicyVersion, version_id, with_for_update=True)
    told = await told_so_far(tx, version_id)
    if row is None or row.effective_at is not None or told.queued:
        return
    effective_at = begins(earliest_effect(told.last_at or row.published_at))
    row.effective_at = effective_at
    body = {
        "number": row.number,
        "effective_at": written(effective_at),
        "by_email": told.by_email,
        "by_console": told.by_console,
    }
    await audit.record(tx, "privacy:policy:dated", target=row.id, body=body)
