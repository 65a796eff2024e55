"""Jobs of billing: the welcome credit, and giving back what requests of a dead process had held."""

import logging
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from callmissed.billing import repository
from callmissed.billing.ledger import Ledger
from callmissed.billing.service import WELCOME_CREDIT, grant
from callmissed.foundation import audit, clock, jobs
from callmissed.foundation.problems import TenantClosed
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access

log = logging.getLogger(__name__)

ORPHANED_AFTER = timedelta(minutes=15)
"""Longer than any request may take: what is still held then belongs to a process that died."""


@jobs.task("billing.welcome")
async def welcome(services: Services, tenant_id: str) -> None:
    """Credit a new workspace, once: the tenant's own id is the reference."""
    tenant = UUID(tenant_id)
    async with services.db.tenant(Access.system(tenant)) as tx:
        await grant(tx, WELCOME_CREDIT, "welcome", tenant)


@jobs.every("*/5 * * * *", "billing.release_orphans")
async def release_orphans(services: Services) -> None:
    """Give back holds that no living request can still settle."""
    async with services.verifier.control() as tx:
        found = await repository.orphans(tx, clock.now() - ORPHANED_AFTER)
    ledger = services.get(Ledger)
    for tenant_id, group in groupby(found, key=itemgetter(0)):
        refs = [ref for _, ref in group]
        for ref in refs:
            await ledger.release(tenant_id, ref)
        async with services.db.tenant(Access.system(tenant_id, purpose="audit")) as tx:
            await audit.record(tx, "billing:hold:released", body={"holds": len(refs), "reason": "orphaned"})
        log.info("released %d orphaned holds", len(refs))


@jobs.every("17 * * * *", "billing.recount_keys")
async def recount_keys(services: Services) -> None:
    """Compare what the counters of keys say with what was used and is held, and set right those that differ."""
    month = clock.today().replace(day=1)
    async with services.verifier.control() as tx:
        tenants = {tenant_id for tenant_id, *_ in await repository.miscounted(tx, month)}
    for tenant_id in sorted(tenants):
        with suppress(TenantClosed):  # nobody spends there any more; the others are not kept waiting by it
            async with services.db.tenant(Access.system(tenant_id)) as tx:
                wrong = await repository.recount_keys(tx, month)
                if wrong:
                    await audit.record(tx, "billing:keys:recounted", body={"keys": wrong})
                    log.warning("set %d counters of keys right", wrong)


@jobs.every("27 * * * *", "billing.recount_months")
async def recount_months(services: Services) -> None:
    """Set right what wallets count for this month, and what is held for end users: what a release before counts nowhere."""
    month = clock.today().replace(day=1)
    async with services.verifier.control() as tx:
        months = await repository.months_off(tx, month)
        tenants = {tenant_id for tenant_id, *_ in await repository.end_users_off(tx, month)}
    for tenant_id, missing in months:
        with suppress(TenantClosed):
            async with services.db.tenant(Access.system(tenant_id)) as tx:
                await repository.add_to_month(tx, month, missing)
    for tenant_id in sorted(tenants):
        with suppress(TenantClosed):
            async with services.db.tenant(Access.system(tenant_id)) as tx:
                await repository.recount_end_users(tx, month)
    if months or tenants:
        log.warning("set the month of %d wallets and the end users of %d right", len(months), len(tenants))
