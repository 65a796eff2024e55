"""The verbs of billing that run in the caller's transaction. What requests spend goes through `Ledger` instead."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

from callmissed.billing import repository
from callmissed.billing.views import (
    By,
    Entry,
    KeySpending,
    MonthBudget,
    Only,
    Purse,
    Statement,
    Step,
    UsageFilter,
    UsageReport,
    Used,
)
from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.money import Micro, rupees
from callmissed.foundation.problems import NotFound

WELCOME_CREDIT: Micro = rupees(100)
"""What a new workspace starts with."""

STATEMENT_DAYS = 30
"""How far back the wallet page looks."""

KEPT_DAYS = 90
"""How long usage is kept (Policy §4)."""

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


async def key_spending(tx: Tx) -> dict[UUID, KeySpending]:
    """What each key of the workspace has spent in this month of the Indian calendar; keys that spent nothing are absent."""
    rows = await repository.key_spending(tx, _month())
    return {key_id: KeySpending(*figures) for key_id, figures in rows.items()}


async def end_user_spending(tx: Tx, tag: UUID) -> KeySpending:
    """What was spent for one end user of the workspace in this month of the Indian calendar, by the tag of what they are called."""
    return KeySpending(*await repository.end_user_spending(tx, tag, _month()))


async def month_budget(tx: Tx) -> MonthBudget | None:
    """The workspace's own budget of the month; None where it has set none."""
    return await repository.month_budget(tx, _month())


async def set_month_budget(tx: Tx, micro: Micro | None) -> None:
    """Set what the workspace spends at most in a month of the Indian calendar, or lift that. It holds for whatever is asked next.

    What a busy workspace has held in advance by then (no more than a twentieth of its wallet, decision 0019) may still be spent.
    Raises NotFound where there is no wallet.
    """
    if not await repository.set_month_budget(tx, micro):
        raise NotFound
    await audit.record(tx, "billing:budget:set", target=tx.tenant_id, body={"budget_micro": micro or 0})


async def statement(tx: Tx, limit: int = 50, only: Only | None = None) -> Statement:
    """The ledger of the last 30 days in India, today included, for the wallet page. `only` narrows its lines."""
    return await repository.statement(tx, _midnight(STATEMENT_DAYS), limit, only)


async def entries(tx: Tx, after: Entry | None = None, limit: int = 1000) -> tuple[Entry, ...]:
    """Every entry there is, oldest first, so many at a time: go on with the last one as `after`."""
    return await repository.entries(tx, after, limit)


def usage_span(days: int) -> tuple[datetime, datetime]:
    """From when until when usage of the last so many days is: whole days in India with today, or the last 24 hours."""
    now = clock.now()
    return (now - timedelta(hours=24) if days == 1 else _midnight(days)), now


async def usage_report(tx: Tx, wanted: UsageFilter, limit: int = 50, by: By = "model") -> UsageReport:
    """Figures, costs by day (by hour when the span is a day), whose they were, and the latest requests of a span."""
    models, keys = await seen(tx, wanted.since, wanted.until)
    step: Step = "hour" if wanted.until - wanted.since <= timedelta(days=1) else "day"
    costs, shares = await repository.costs(tx, wanted, step, by)
    return UsageReport(
        await repository.figures(tx, wanted),
        costs,
        shares,
        await repository.latest(tx, wanted, limit, None),
        models,
        keys,
    )


async def seen(tx: Tx, since: datetime, until: datetime) -> tuple[tuple[str, ...], tuple[UUID, ...]]:
    """The models and the keys of a span: what its requests can be filtered by."""
    models, keys = await repository.seen(tx, since, until)
    return tuple(sorted(models)), tuple(keys)


async def requests(
    tx: Tx, wanted: UsageFilter, limit: int, older_than: UUID | None = None
) -> tuple[Used, ...]:
    """Requests of a span, newest first, so many at a time: go on with the last one's id as `older_than`."""
    return await repository.latest(tx, wanted, limit, older_than)


async def transfers(tx: Tx, limit: int, older_than: UUID | None = None) -> tuple[Used, ...]:
    """The transfer log: requests that left India in the last 90 days, newest first, so many at a time."""
    return await repository.latest(tx, UsageFilter(*usage_span(KEPT_DAYS), abroad=True), limit, older_than)


async def used(tx: Tx, usage_id: UUID) -> Used:
    """One request. Raises UsageNotFound, for other tenants' ids too."""
    found = await repository.used(tx, usage_id)
    if found is None:
        raise UsageNotFound
    return found


def _midnight(days: int) -> datetime:
    """When the first of the last so many days began in India, today being the last."""
    return datetime.combine(clock.today() - timedelta(days=days - 1), time(), clock.IST)


def _month() -> date:
    return clock.today().replace(day=1)
