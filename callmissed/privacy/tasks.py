"""Jobs of the privacy room: checking the promises, removing what is past its days, partitions, telling of new versions."""

import logging

from callmissed.foundation import audit, jobs
from callmissed.foundation.services import Services
from callmissed.privacy import checking, deliveries, reminders, retention, sealed

log = logging.getLogger(__name__)


@jobs.every("* * * * *", "privacy.check_promises")
async def check_promises(services: Services) -> None:
    """Check the promises that are due and keep what was found: a verdict, a dot of the day, a leaf where it changed."""
    results = await checking.check_due(services)
    for result in results:
        if result.finding.verdict == "broken":
            log.warning("promise %s is broken", result.promise.id)


@jobs.every("13 * * * *", "privacy.expire")
async def expire(services: Services) -> None:
    """Remove every row that is past the days its table is kept (Policy §5)."""
    async with services.db.control() as tx:
        removed = await retention.expire(tx)
        if removed:
            await audit.record(tx, "privacy:rows:expired", body=removed)


@jobs.every("17 * * * *", "privacy.destroy_sealed")
async def destroy_sealed(services: Services) -> None:
    """Destroy what no law asks for any more: each record's key first."""
    removed = await sealed.destroy_due(services)
    if removed:
        log.info("destroyed %d sealed records", removed)


@jobs.every("31 2 * * *", "privacy.prepare_partitions")
async def prepare_partitions(services: Services) -> None:
    """Make the partitions of the next three months."""
    async with services.db.control() as tx:
        await retention.prepare_partitions(tx)


@jobs.every("* * * * *", "privacy.tell_version")
async def tell_version(services: Services) -> None:
    """Tell people of the version that waits for its notices, and set its day once everybody was told (Policy §12)."""
    await deliveries.tell(services)


@jobs.every("41 * * * *", "privacy.remind")
async def remind(services: Services) -> None:
    """Remind everybody once a quarter of what applies (IT Rules 2021, rule 3(1)(c))."""
    await reminders.remind(services)
