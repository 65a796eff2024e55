"""The audit log's job."""

from callmissed.foundation import jobs
from callmissed.foundation.audit.sealing import seal_batch
from callmissed.foundation.services import Services


@jobs.every("* * * * * */10", "foundation.audit.seal")
async def seal(services: Services) -> None:
    """Seal what has been written since the last time; every ten seconds."""
    while await seal_batch(services.db):
        pass
