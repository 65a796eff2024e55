"""The jobs of the room: what has ended is erased, keys first; what was closed is told of in time, and erased at its end."""

import logging
from datetime import timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, holds, jobs
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import repository
from callmissed.identity.dns import TxtRecords
from callmissed.identity.remainder import Remainder
from callmissed.identity.repository import totp
from callmissed.identity.service import domains, erasing, invitations, leaving

log = logging.getLogger(__name__)

AT_ONCE = 10_000
UNFINISHED = timedelta(days=1)


@jobs.every("41 * * * *", "identity.sweep")
async def sweep(services: Services) -> None:
    """Erase codes and unfinished accounts of yesterday, and forget old counters and sessions.

    An account is unfinished until its holder has said who they are and that they are 18 or older (Policy §9).
    """
    now = clock.now()
    async with services.db.control() as tx:
        codes = await repository.codes_past(tx, now - UNFINISHED, AT_ONCE)
        frozen = {each.person_id for each in await holds.in_force(tx)}
        accounts = [
            each
            for each in await repository.unfinished_accounts(tx, now - UNFINISHED, AT_ONCE)
            if each not in frozen
        ]
    if codes or accounts:
        await services.vault.erase_people(PLATFORM, [*codes, *accounts])
    async with services.db.control() as tx:
        await repository.remove_codes(tx, codes)
        await repository.erase_rows(tx, accounts)
        await repository.remove_counters(tx, now - UNFINISHED)
        await repository.remove_sessions(tx, now - timedelta(days=30))
        await totp.forget_begun(tx, now - UNFINISHED)
        if accounts:
            await audit.record(tx, "identity:accounts:unfinished_erased", body={"accounts": len(accounts)})


@jobs.every("23 3 * * *", "identity.domains")
async def look_for_domains(services: Services) -> None:
    """Look whether the records of proven domains still stand."""
    lost = await domains.look_again(services.db, services.get(TxtRecords))
    if lost:
        log.info("%d sign-in domains lead nowhere any more", lost)


@jobs.task(invitations.FORGET)
async def forget_invitation(services: Services, tenant_id: str, invitation_id: str) -> None:
    """Erase the address of an invitation that was settled or has ended, in its row and in the letter."""
    tenant, row = UUID(tenant_id), UUID(invitation_id)
    async with services.db.tenant(Access.system(tenant)) as tx:
        over = await invitations.forget(tx, row)
    if over:
        await services.vault.erase_people(tenant, [row])
        await services.vault.erase_people(PLATFORM, [row])


@jobs.every("* * * * *", "identity.closing_notices")
async def closing_notices(services: Services) -> None:
    """Send the notices that are due. The clocks are rows, so a minute that was missed is made up for by the next."""
    async with services.db.control() as tx:
        sent = await leaving.send_notices(tx, services.get(Remainder))
    if sent:
        log.info("sent %d notices of closings", sent)


@jobs.every("* * * * *", "identity.erase_closed")
async def erase_closed(services: Services) -> None:
    """Erase what was closed thirty days ago, or go on with an erasure that was interrupted."""
    await erasing.refuse_revived(services)
    async with services.db.control() as tx:
        waiting = await erasing.due(tx)
    for closing_id in waiting:
        if await erasing.erase(services, closing_id):
            log.info("erased %s", closing_id)
