"""The vault's job."""

from datetime import timedelta

from callmissed.foundation import jobs
from callmissed.foundation.services import Services

OLDEST_EPOCH = timedelta(days=7)
"""An epoch key that was copied by someone opens what was wrapped in one week at most."""


@jobs.every("17 * * * *", "foundation.vault.turn")
async def turn(services: Services) -> None:
    """Finish interrupted turns, and turn epochs that are a week old; every hour."""
    await services.vault.resume_rewrap()
    await services.vault.rotate_older_than(OLDEST_EPOCH)
