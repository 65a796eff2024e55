"""The verbs of billing that run in the caller's transaction. What requests spend goes through `Ledger` instead."""

from uuid import UUID

from callmissed.billing import repository
from callmissed.billing.views import Purse, Statement, UsageFilter, UsageReport, Used
from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.foundation.money import Micro, rupees
from callmissed.foundation.problems import NotFound

WELCOME_CREDIT: Micro = rupees(100)
"""What a new workspace starts with."""

SOURCES = {"welcome": "promotions", "grant": "promotions", "topup": "payments"}
"""The account a credit comes from, by its kind."""


class UsageNotFound(NotFound):
    """There is no such request in your usage. Usage is kept for 90 days."""

    code = "usage_not_found"


async def grant(tx: Tx, amount: Micro, reason: str, ref: UUID) -> bool:
    """Add credit to the wallet, opening it where needed. `reason` is a key of SOURCES; `ref` is a UUIDv7.

    Returns False, and changes nothing, when this reference was credited for this reason before.
    """
    balance = await repository.grant(tx, amount, reason, ref, SOURCES[reason])
    if balance is None:
        return False
    await audit.record(
        tx, "billing:credit:granted", target=ref, body={"reason": reason, "amount_micro": amount}
    )
    return True


async def purse(tx: Tx) -> Purse:
    """What the tenant's wallet holds."""
    return await repository.purse(tx)


async def statement(tx: Tx, limit: int = 50) -> Statement:
    """The ledger of the last 30 days, for the wallet page."""
    return await repository.statement(tx, limit)


async def usage_report(tx: Tx, wanted: UsageFilter, limit: int = 50) -> UsageReport:
    """Figures, cost by day and the latest requests of a span."""
    models, keys = await repository.seen(tx, wanted.since, wanted.until)
    return UsageReport(
        await repository.figures(tx, wanted),
        await repository.cost_by_day(tx, wanted),
        await repository.latest(tx, wanted, limit),
        tuple(sorted(models)),
        tuple(keys),
    )


async def used(tx: Tx, usage_id: UUID) -> Used:
    """One request. Raises UsageNotFound, for other tenants' ids too."""
    found = await repository.used(tx, usage_id)
    if found is None:
        raise UsageNotFound
    return found
