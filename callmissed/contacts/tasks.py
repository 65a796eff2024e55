"""The room's job: contacts whose erasure waited for a legal hold to end."""

import logging

from callmissed.contacts import custody
from callmissed.foundation import jobs
from callmissed.foundation.services import Services

log = logging.getLogger(__name__)


@jobs.every("* * * * *", "contacts.erase_barred")
async def erase_barred(services: Services) -> None:
    """Erase what waited for a hold that has ended."""
    erased = await custody.erase_barred(services.db)
    if erased:
        log.info("erased %d contacts that had waited", erased)
