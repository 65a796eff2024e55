"""All SQL of billing but the ledger writer's own (see `statements`). Every query names its tenant."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import text

from callmissed.billing.views import (
    By,
    Cost,
    Day,
    Entry,
    Line,
    MonthBudget,
    Only,
    Purse,
    Share,
    Statement,
    Step,
    UsageFigures,
    UsageFilter,
    Used,
)
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7

GRANT = text("""
WITH entered AS (
  INSERT INTO ledger_entry (tenant_id, at, id, debit, credit, amount_micro, kind, ref)
  VALUES (:tenant, cm.moment(:ref), :id, :debit, 'wallet', :amount, :kind, :ref)
  ON CONFLICT (tenant_id, at, ref, kind) DO NOTHING RETURNING amount_micro
)
INSERT INTO wallet (tenant_id, id, balance_micro, held_micro, created_at)
SELECT :tenant, :tenant, amount_micro, 0, :now FROM entered
ON CONFLICT (tenant_id, id) DO UPDATE SET balance_micro = wallet.balance_micro + EXCLUDED.balance_micro
RETURNING balance_micro
""")

PURSE = text("SELECT balance_micro, held_micro FROM wallet WHERE tenant_id = :tenant AND id = :tenant")

# Hours of the Indian clock: half an hour off those of UTC. The balance is read by the statement itself, so that a charge
# between two statements cannot shift every line.
LINES = text("""
WITH movement AS (
  SELECT date_trunc('hour', at + interval '30 minutes') - interval '30 minutes' AS began, kind,
    sum(CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END) AS amount, count(*) AS requests, NULL::uuid AS ref,
    date_trunc('hour', at + interval '30 minutes') + interval '30 minutes' AS ended
  FROM ledger_entry WHERE tenant_id = :tenant AND kind = 'usage' AND at >= :since GROUP BY 1, 2, 6
  UNION ALL
  SELECT at, kind, CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END, 0, ref, at
  FROM ledger_entry WHERE tenant_id = :tenant AND kind <> 'usage' AND at >= :since
), line AS (
  SELECT began, ended, kind, amount, requests, ref,
    (SELECT balance_micro FROM wallet WHERE tenant_id = :tenant AND id = :tenant)
      - coalesce(sum(amount) OVER (ORDER BY ended DESC, kind, ref ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
      AS balance
  FROM movement
)
SELECT * FROM line WHERE CAST(:only AS text) IS NULL OR (kind = 'usage') = (CAST(:only AS text) = 'usage')
ORDER BY ended DESC, kind, ref LIMIT :limit
""")

# One statement, so one snapshot: a balance and a sum of two moments would not agree while requests are running.
TOTALS = text("""
SELECT count(*) AS entries, coalesce(sum(CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END), 0) AS total,
  coalesce((SELECT balance_micro FROM wallet WHERE tenant_id = :tenant AND id = :tenant), 0) AS balance,
  coalesce((SELECT held_micro FROM wallet WHERE tenant_id = :tenant AND id = :tenant), 0) AS held
FROM ledger_entry WHERE tenant_id = :tenant
""")

BY_DAY = text("""
SELECT CAST(at AT TIME ZONE interval '330 minutes' AS date) AS day,
  sum(CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END) AS change,
  coalesce(sum(amount_micro) FILTER (WHERE debit = 'wallet'), 0) AS spent
FROM ledger_entry WHERE tenant_id = :tenant AND at >= :since GROUP BY 1 ORDER BY 1
""")

ENTRIES = text("""
SELECT at, id, kind, ref, CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END AS amount_micro
FROM ledger_entry
WHERE tenant_id = :tenant AND (CAST(:at AS timestamptz) IS NULL OR (at, id) > (CAST(:at AS timestamptz), CAST(:id AS uuid)))
ORDER BY at, id LIMIT :limit
""")

# Abroad: what was sent, or may have been, to an upstream outside India: the one that answered or failed, or one that had it
# before. A request that the gate of its upstream turned away was sent nowhere.
CHOSEN = """
(CAST(:model AS text) IS NULL OR model = :model) AND (CAST(:key_id AS uuid) IS NULL OR key_id = :key_id)
AND (CAST(:status AS text) IS NULL OR status = :status)
AND (CAST(:slower_ms AS int) IS NULL OR latency_ms > :slower_ms)
AND (NOT CAST(:abroad AS bool) OR tried ~ '@(?!IN( |$))'
  OR (split_part(region, ' ', 1) <> 'IN' AND coalesce(problem, '') NOT IN ('upstream_paused', 'upstream_crowded')))
"""
MATCHING = f"tenant_id = :tenant AND at >= :since AND at < :until AND {CHOSEN}"
FIGURES = text(f"""
SELECT coalesce(sum(price_micro), 0) AS spent, count(*) AS requests, count(*) FILTER (WHERE status = 'failed') AS failed,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY first_token_ms) AS first_token,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY admit_us + reserve_us) AS ours,
  (SELECT coalesce(sum(price_micro), 0) FROM usage_record
   WHERE tenant_id = :tenant AND at >= :before AND at < :since AND {CHOSEN}) AS spent_before
FROM usage_record WHERE {MATCHING}
""")  # noqa: S608 - a constant of this module
# By hour or day and name; and by name alone, where `began` is null.
COSTS = text(f"""
SELECT date_trunc(CAST(:step AS text), at AT TIME ZONE interval '330 minutes') AT TIME ZONE interval '330 minutes' AS began,
  CASE CAST(:by AS text) WHEN 'key' THEN coalesce(key_id::text, bot_id::text, endpoint) ELSE model END AS name,
  count(*) AS requests, count(*) FILTER (WHERE status = 'failed') AS failed,
  sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(price_micro) AS amount
FROM usage_record WHERE {MATCHING} GROUP BY GROUPING SETS ((1, 2), (2)) ORDER BY 1, amount DESC, requests DESC, 2
""")  # noqa: S608 - a constant of this module
USED_COLUMNS = ", ".join(each.name for each in fields(Used))
LATEST = text(f"""
SELECT {USED_COLUMNS} FROM usage_record WHERE {MATCHING} AND (CAST(:older_than AS uuid) IS NULL OR id < :older_than)
ORDER BY at DESC, id DESC LIMIT :limit
""")  # noqa: S608 - names of our own class
ONE = text(f"""
SELECT {USED_COLUMNS} FROM usage_record WHERE tenant_id = :tenant AND at = cm.moment(:id) AND id = :id
""")  # noqa: S608 - names of our own class
SEEN = text("""
SELECT array_agg(DISTINCT model) AS models, array_agg(DISTINCT key_id) FILTER (WHERE key_id IS NOT NULL) AS keys
FROM usage_record WHERE tenant_id = :tenant AND at >= :since AND at < :until
""")

KEY_SPENDING = text(
    "SELECT id, spent_micro, held_micro FROM key_spend WHERE tenant_id = :tenant AND month_on = :month"
)

# What the counters of this month's keys say, beside what was used and is held. One statement, so one snapshot.
MISCOUNTED = text("""
WITH spent AS (
  SELECT tenant_id, key_id, sum(price_micro) AS amount FROM usage_record
  WHERE key_id IS NOT NULL AND at >= :since AND cm.month(id) = :month GROUP BY 1, 2
), held AS (
  SELECT tenant_id, key_id, sum(amount_micro) AS amount FROM wallet_hold
  WHERE key_id IS NOT NULL AND cm.month(id) = :month GROUP BY 1, 2
), counted AS (SELECT * FROM key_spend WHERE month_on = :month)
SELECT coalesce(c.tenant_id, s.tenant_id) AS tenant_id, coalesce(c.id, s.key_id) AS key_id,
  coalesce(s.amount, 0) AS spent, coalesce(h.amount, 0) AS held
FROM counted c FULL JOIN spent s ON s.tenant_id = c.tenant_id AND s.key_id = c.id
LEFT JOIN held h ON h.tenant_id = coalesce(c.tenant_id, s.tenant_id) AND h.key_id = coalesce(c.id, s.key_id)
WHERE coalesce(c.spent_micro, 0) <> coalesce(s.amount, 0) OR coalesce(c.held_micro, 0) <> coalesce(h.amount, 0)
""")
END_USER_SPENDING = text("""
SELECT id, spent_micro, held_micro FROM end_user_spend WHERE tenant_id = :tenant AND month_on = :month AND id = :tag
""")
MONTH_BUDGET = text("""
SELECT budget_micro, held_micro + CASE WHEN month_on >= :month THEN month_micro ELSE 0 END AS used
FROM wallet WHERE tenant_id = :tenant AND id = :tenant AND budget_micro IS NOT NULL
""")
SET_MONTH_BUDGET = text(
    "UPDATE wallet SET budget_micro = :micro WHERE tenant_id = :tenant AND id = :tenant RETURNING 1"
)
# By how much wallets say something else than the ledger of this month. Both are read in one snapshot and grow together, so the
# difference stays what it is while requests go on, and nobody is kept waiting while the ledger is summed.
MONTHS_OFF = text("""
WITH charged AS (
  SELECT tenant_id, sum(amount_micro) AS amount FROM ledger_entry
  WHERE kind = 'usage' AND debit = 'wallet' AND at >= :since AND cm.month(ref) = :month GROUP BY 1
), counted AS (SELECT tenant_id, CASE WHEN month_on = :month THEN month_micro ELSE 0 END AS amount FROM wallet WHERE month_on <= :month)
SELECT w.tenant_id, coalesce(c.amount, 0) - w.amount AS missing FROM counted w LEFT JOIN charged c ON c.tenant_id = w.tenant_id
WHERE coalesce(c.amount, 0) <> w.amount
""")
ADD_TO_MONTH = text("""
UPDATE wallet SET month_on = :month, month_micro = CASE WHEN month_on = :month THEN month_micro ELSE 0 END + :missing
WHERE tenant_id = :tenant AND id = :tenant AND month_on <= :month
""")
# What is held for end users, beside the holds: a process of a release before this table closes a hold without it.
END_USERS_OFF = text("""
SELECT s.tenant_id, s.id, coalesce(h.amount, 0) AS held FROM end_user_spend s LEFT JOIN (
  SELECT tenant_id, end_user, cm.month(id) AS month_on, sum(amount_micro) AS amount FROM wallet_hold
  WHERE end_user IS NOT NULL GROUP BY 1, 2, 3
) h ON h.tenant_id = s.tenant_id AND h.end_user = s.id AND h.month_on = s.month_on
WHERE s.month_on = :month AND s.held_micro <> coalesce(h.amount, 0)
""")
SET_END_USER_HELD = text(
    "UPDATE end_user_spend SET held_micro = :held WHERE tenant_id = :tenant AND id = :tag AND month_on = :month"
)
HOLD_WALLET = text("SELECT 1 FROM wallet WHERE tenant_id = :tenant AND id = :tenant FOR UPDATE")
RECOUNT = text("""
INSERT INTO key_spend (tenant_id, id, month_on, spent_micro, held_micro, created_at)
VALUES (:tenant, :key_id, :month, :spent, :held, :now)
ON CONFLICT (tenant_id, id, month_on) DO UPDATE SET spent_micro = EXCLUDED.spent_micro, held_micro = EXCLUDED.held_micro
""")

ORPHANS = text(
    "SELECT tenant_id, id FROM wallet_hold WHERE created_at < :before ORDER BY tenant_id, id LIMIT 1000"
)


async def grant(tx: Tx, amount: int, kind: str, ref: UUID, debit: str) -> int | None:
    """Enter a credit and raise the balance. Returns the new balance, or None when it was entered before."""
    values = {
        "tenant": tx.tenant_id, "ref": ref, "id": uuid7(), "amount": amount, "kind": kind, "debit": debit, "now": clock.now(),
    }  # fmt: skip
    return (await tx.session.execute(GRANT, values)).scalar()


async def purse(tx: Tx) -> Purse:
    """The tenant's wallet; an empty one when none was opened."""
    row = (await tx.session.execute(PURSE, {"tenant": tx.tenant_id})).one_or_none()
    return Purse(row.balance_micro, row.held_micro) if row else Purse()


async def statement(tx: Tx, since: datetime, limit: int, only: Only | None) -> Statement:
    """The ledger since a moment."""
    values: dict[str, Any] = {"tenant": tx.tenant_id, "since": since, "limit": limit, "only": only}
    totals = (await tx.session.execute(TOTALS, values)).one()
    days = (await tx.session.execute(BY_DAY, values)).all()
    lines = (await tx.session.execute(LINES, values)).all()
    return Statement(
        Purse(int(totals.balance), int(totals.held)),
        tuple(
            Line(row.began, row.ended, row.kind, int(row.amount), int(row.balance), row.requests, row.ref)
            for row in lines
        ),
        totals.entries,
        int(totals.total),
        tuple(Day(row.day, int(row.change), int(row.spent)) for row in days),
    )


async def entries(tx: Tx, after: Entry | None, limit: int) -> tuple[Entry, ...]:
    """The ledger entry by entry, oldest first, after one that is known."""
    place = {"at": after.at if after else None, "id": after.id if after else None}
    rows = await tx.session.execute(ENTRIES, {"tenant": tx.tenant_id, "limit": limit, **place})
    return tuple(Entry(**row) for row in rows.mappings())


async def figures(tx: Tx, wanted: UsageFilter) -> UsageFigures:
    """Totals of a span of usage."""
    before = wanted.since - (wanted.until - wanted.since)
    row = (await tx.session.execute(FIGURES, _values(tx, wanted, before=before))).one()
    return UsageFigures(
        int(row.spent), int(row.spent_before), row.requests, row.failed,
        row.first_token, row.ours,
    )  # fmt: skip


async def costs(
    tx: Tx, wanted: UsageFilter, step: Step, by: By
) -> tuple[tuple[Cost, ...], tuple[Share, ...]]:
    """What each model or key cost per hour or day, and what each had of the whole span."""
    rows = (await tx.session.execute(COSTS, _values(tx, wanted, step=step, by=by))).all()
    return (
        tuple(Cost(row.began, row.name, int(row.amount)) for row in rows if row.began),
        tuple(
            Share(
                row.name, row.requests, row.failed, int(row.tokens_in), int(row.tokens_out), int(row.amount)
            )
            for row in rows
            if not row.began
        ),
    )


async def latest(tx: Tx, wanted: UsageFilter, limit: int, older_than: UUID | None) -> tuple[Used, ...]:
    """The newest requests of a span, or the newest of those before one that is known."""
    rows = await tx.session.execute(LATEST, _values(tx, wanted, limit=limit, older_than=older_than))
    return tuple(Used(**row) for row in rows.mappings())


async def used(tx: Tx, usage_id: UUID) -> Used | None:
    """One usage record."""
    row = (await tx.session.execute(ONE, {"tenant": tx.tenant_id, "id": usage_id})).mappings().one_or_none()
    return Used(**row) if row else None


async def seen(tx: Tx, since: datetime, until: datetime) -> tuple[Sequence[str], Sequence[UUID]]:
    """The models and keys that occur in a span."""
    row = (await tx.session.execute(SEEN, {"tenant": tx.tenant_id, "since": since, "until": until})).one()
    return row.models or (), row.keys or ()


async def key_spending(tx: Tx, month: date) -> dict[UUID, tuple[int, int]]:
    """What each key of the tenant has spent in this month and holds now."""
    rows = await tx.session.execute(KEY_SPENDING, {"tenant": tx.tenant_id, "month": month})
    return {row.id: (row.spent_micro, row.held_micro) for row in rows}


async def end_user_spending(tx: Tx, tag: UUID, month: date) -> tuple[int, int]:
    """What was spent for an end user of the tenant in this month, and is held for them now."""
    values = {"tenant": tx.tenant_id, "month": month, "tag": tag}
    row = (await tx.session.execute(END_USER_SPENDING, values)).one_or_none()
    return (row.spent_micro, row.held_micro) if row else (0, 0)


async def month_budget(tx: Tx, month: date) -> MonthBudget | None:
    """The tenant's own budget; None where it has set none."""
    row = (await tx.session.execute(MONTH_BUDGET, {"tenant": tx.tenant_id, "month": month})).one_or_none()
    return MonthBudget(row.budget_micro, int(row.used)) if row else None


async def set_month_budget(tx: Tx, micro: int | None) -> bool:
    """Set or lift the tenant's budget. False where there is no wallet."""
    values = {"tenant": tx.tenant_id, "micro": micro}
    return (await tx.session.execute(SET_MONTH_BUDGET, values)).scalar() is not None


async def months_off(verifier: Tx, month: date) -> list[tuple[UUID, int]]:
    """(tenant, missing) of wallets that count less or more for this month than their ledger. Needs the verifier's role."""
    since = datetime.combine(month, time(), clock.IST)
    rows = await verifier.session.execute(MONTHS_OFF, {"month": month, "since": since})
    return [(row.tenant_id, int(row.missing)) for row in rows]


async def add_to_month(tx: Tx, month: date, missing: int) -> None:
    """Add to what the tenant's wallet counts for this month."""
    await tx.session.execute(ADD_TO_MONTH, {"tenant": tx.tenant_id, "month": month, "missing": missing})


async def end_users_off(tx: Tx, month: date) -> list[tuple[UUID, UUID, int]]:
    """(tenant, tag, held) of end users for whom something else is held than their counter says. Sees what `tx` may see."""
    rows = await tx.session.execute(END_USERS_OFF, {"month": month})
    return [(row.tenant_id, row.id, int(row.held)) for row in rows]


async def recount_end_users(tx: Tx, month: date) -> int:
    """Set right what is held for the tenant's end users while nobody spends. Returns how many were wrong."""
    await tx.session.execute(HOLD_WALLET, {"tenant": tx.tenant_id})
    wrong = await end_users_off(tx, month)
    for _, tag, held in wrong:
        values = {"tenant": tx.tenant_id, "month": month, "tag": tag, "held": held}
        await tx.session.execute(SET_END_USER_HELD, values)
    return len(wrong)


async def miscounted(tx: Tx, month: date) -> list[tuple[UUID, UUID, int, int]]:
    """(tenant, key, spent, held) of keys whose counter of this month says something else. Sees what `tx` may see."""
    since = datetime.combine(month, time(), clock.IST)
    rows = await tx.session.execute(MISCOUNTED, {"month": month, "since": since})
    return [(row.tenant_id, row.key_id, int(row.spent), int(row.held)) for row in rows]


async def recount_keys(tx: Tx, month: date) -> int:
    """Set the tenant's counters right while nobody spends. Returns how many were wrong."""
    await tx.session.execute(HOLD_WALLET, {"tenant": tx.tenant_id})
    wrong = await miscounted(tx, month)
    for _, key_id, spent, held in wrong:
        values = {
            "tenant": tx.tenant_id, "key_id": key_id, "month": month, "spent": spent, "held": held, "now": clock.now(),
        }  # fmt: skip
        await tx.session.execute(RECOUNT, values)
    return len(wrong)


async def orphans(verifier: Tx, before: datetime) -> list[tuple[UUID, UUID]]:
    """(tenant, reference) of holds older than that, of all tenants. Needs the verifier's role."""
    rows = await verifier.session.execute(ORPHANS, {"before": before})
    return [(row.tenant_id, row.id) for row in rows]


def _values(tx: Tx, wanted: UsageFilter, **more: Any) -> dict[str, Any]:
    return {
        "tenant": tx.tenant_id, "since": wanted.since, "until": wanted.until, "model": wanted.model,
        "key_id": wanted.key_id, "status": wanted.status, "slower_ms": wanted.slower_ms, "abroad": wanted.abroad, **more,
    }  # fmt: skip
