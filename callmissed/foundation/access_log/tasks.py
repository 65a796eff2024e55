"""The log's job."""

from datetime import timedelta

from sqlalchemy import exists, select

from callmissed.foundation import clock, jobs
from callmissed.foundation.access_log.models import KEPT_DAYS, AccessEntry
from callmissed.foundation.access_log.writer import RETENTION_CLASS, day_of
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.services import Services

LOOKED_BACK = 30
"""For so many days before the last one that is kept: more than a worker stands still."""


@jobs.every("43 20 * * *", "foundation.access_log.forget")
async def forget(services: Services) -> None:
    """Destroy the keys of days whose entries are gone: no copy of them, however old, tells an address any more. Once a day."""
    newest = clock.today() - timedelta(days=KEPT_DAYS + 1)
    for days in range(LOOKED_BACK):
        day = day_of(newest - timedelta(days=days))
        async with services.db.control() as tx:  # a legal hold keeps entries, and so the key of their day
            kept = await tx.session.scalar(select(exists().where(AccessEntry.day_id == day)))
        if not kept:
            await services.vault.erase_person(PLATFORM, day, (RETENTION_CLASS,))
