"""Jobs of batches: a turn of one, and a look for those that were left alone."""

import logging
import random
from datetime import timedelta
from uuid import UUID

from callmissed.foundation import clock, jobs
from callmissed.foundation.services import Services
from callmissed.gateway.batches import repository, running, service

log = logging.getLogger(__name__)

ALONE_SECONDS = 20
"""After so long without a sign of work a batch is woken. One that only waits for its turn is not harmed: it has one turn at a time."""
NO_PLACE_SECONDS = (1.0, 3.0)

_chance = random.SystemRandom().uniform


@jobs.task(service.RUN)
async def run(services: Services, tenant_id: str, batch_id: str, turn: int) -> None:
    """Work on a batch for a few seconds, if this process has a place for it; later if not."""
    tenant, batch = UUID(tenant_id), UUID(batch_id)
    places = services.get(running.Places)
    if not places.take(batch):
        async with services.db.control() as tx:
            await service.wake(tx, tenant, batch, turn, seconds=_chance(*NO_PLACE_SECONDS))
        return
    try:
        # A turn that broke off has counted itself already: whoever repeats its job takes the batch over as it stands.
        await running.work(services, tenant, batch, None if jobs.is_repeated() else turn)
    finally:
        places.leave(batch)


@jobs.every("* * * * * */10", "gateway.batches.sweep")
async def sweep(services: Services) -> None:
    """Wake batches whose worker died, or whose job was lost."""
    before = clock.now() - timedelta(seconds=ALONE_SECONDS)
    async with services.verifier.control() as tx:
        alone = await repository.silent(tx, before)
    async with services.db.control() as tx:
        for tenant_id, batch_id, turn in alone:
            await service.wake(tx, tenant_id, batch_id, turn)
    if alone:
        log.info("woke %d batches", len(alone))
