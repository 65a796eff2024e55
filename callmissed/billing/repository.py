"""All SQL of billing but the ledger writer's own (see `statements`). Every query names its tenant."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from callmissed.billing.views import Line, Purse, Statement, UsageFigures, UsageFilter, Used
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

# Hours of the Indian clock: half an hour off those of UTC.
LINES = text("""
WITH movement AS (
  SELECT date_trunc('hour', at + interval '30 minutes') - interval '30 minutes' + interval '1 hour' AS at, kind,
    sum(CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END) AS amount, count(*) AS requests, NULL::uuid AS ref
  FROM ledger_entry WHERE tenant_id = :tenant AND kind = 'usage' AND at >= :since GROUP BY 1, 2
  UNION ALL
  SELECT at, kind, CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END, 0, ref
  FROM ledger_entry WHERE tenant_id = :tenant AND kind <> 'usage' AND at >= :since
)
SELECT least(at, :now) AS at, kind, amount, requests, ref,
  CAST(:balance AS bigint)
    - coalesce(sum(amount) OVER (ORDER BY at DESC, kind, ref ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
    AS balance
FROM movement ORDER BY movement.at DESC, kind, ref LIMIT :limit
""")

TOTALS = text("""
SELECT count(*) AS entries, coalesce(sum(CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END), 0) AS total,
  coalesce(sum(amount_micro) FILTER (WHERE debit = 'wallet' AND at >= :since), 0) AS spent
FROM ledger_entry WHERE tenant_id = :tenant
""")

BY_DAY = text("""
SELECT CAST(at + interval '330 minutes' AT TIME ZONE 'UTC' AS date) AS day,
  sum(CASE credit WHEN 'wallet' THEN amount_micro ELSE -amount_micro END) AS amount
FROM ledger_entry WHERE tenant_id = :tenant AND at >= :since GROUP BY 1 ORDER BY 1
""")

MATCHING = """
tenant_id = :tenant AND at >= :since AND at < :until AND (CAST(:model AS text) IS NULL OR model = :model)
AND (CAST(:key_id AS uuid) IS NULL OR key_id = :key_id) AND (CAST(:status AS text) IS NULL OR status = :status)
"""
FIGURES = text(f"""
SELECT coalesce(sum(price_micro), 0) AS spent, count(*) AS requests, count(*) FILTER (WHERE status = 'failed') AS failed,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY first_token_ms) AS first_token,
  percentile_disc(0.95) WITHIN GROUP (ORDER BY admit_us + reserve_us) AS ours,
  (SELECT coalesce(sum(price_micro), 0) FROM usage_record
   WHERE tenant_id = :tenant AND at >= :before AND at < :since) AS spent_before
FROM usage_record WHERE {MATCHING}
""")  # noqa: S608 - a constant of this module
COST_BY_DAY = text(f"""
SELECT CAST(at + interval '330 minutes' AT TIME ZONE 'UTC' AS date) AS day, model, sum(price_micro) AS amount
FROM usage_record WHERE {MATCHING} GROUP BY 1, 2 ORDER BY 1, 2
""")  # noqa: S608 - a constant of this module
USED_COLUMNS = ", ".join(each.name for each in fields(Used))
LATEST = text(f"""
SELECT {USED_COLUMNS} FROM usage_record WHERE {MATCHING} ORDER BY at DESC, id DESC LIMIT :limit
""")  # noqa: S608 - names of our own class
ONE = text(f"""
SELECT {USED_COLUMNS} FROM usage_record WHERE tenant_id = :tenant AND at = cm.moment(:id) AND id = :id
""")  # noqa: S608 - names of our own class
SEEN = text("""
SELECT array_agg(DISTINCT model) AS models, array_agg(DISTINCT key_id) FILTER (WHERE key_id IS NOT NULL) AS keys
FROM usage_record WHERE tenant_id = :tenant AND at >= :since AND at < :until
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


async def statement(tx: Tx, limit: int) -> Statement:
    """The last 30 days of the ledger."""
    now = clock.now()
    month: dict[str, Any] = {"tenant": tx.tenant_id, "since": now - timedelta(days=30)}
    held = await purse(tx)
    totals = (await tx.session.execute(TOTALS, month)).one()
    days = (await tx.session.execute(BY_DAY, month)).all()
    lines = (
        await tx.session.execute(LINES, {**month, "balance": held.balance_micro, "now": now, "limit": limit})
    ).all()
    return Statement(
        held,
        tuple(
            Line(row.at, row.kind, int(row.amount), int(row.balance), row.requests, row.ref) for row in lines
        ),
        totals.entries,
        int(totals.total),
        int(totals.spent),
        tuple((row.day, int(row.amount)) for row in days),
    )


async def figures(tx: Tx, wanted: UsageFilter) -> UsageFigures:
    """Totals of a span of usage."""
    before = wanted.since - (wanted.until - wanted.since)
    row = (await tx.session.execute(FIGURES, _values(tx, wanted, before=before))).one()
    return UsageFigures(
        int(row.spent), int(row.spent_before), row.requests, row.failed,
        row.first_token, round(row.ours / 1000) if row.ours is not None else None,
    )  # fmt: skip


async def cost_by_day(tx: Tx, wanted: UsageFilter) -> tuple[tuple[Any, str, int], ...]:
    """(day in India, model, micro-rupees)."""
    rows = await tx.session.execute(COST_BY_DAY, _values(tx, wanted))
    return tuple((row.day, row.model, int(row.amount)) for row in rows)


async def latest(tx: Tx, wanted: UsageFilter, limit: int) -> tuple[Used, ...]:
    """The newest requests of a span."""
    rows = await tx.session.execute(LATEST, _values(tx, wanted, limit=limit))
    return tuple(Used(**row) for row in rows.mappings())


async def used(tx: Tx, usage_id: UUID) -> Used | None:
    """One usage record."""
    row = (await tx.session.execute(ONE, {"tenant": tx.tenant_id, "id": usage_id})).mappings().one_or_none()
    return Used(**row) if row else None


async def seen(tx: Tx, since: datetime, until: datetime) -> tuple[Sequence[str], Sequence[UUID]]:
    """The models and keys that occur in a span."""
    row = (await tx.session.execute(SEEN, {"tenant": tx.tenant_id, "since": since, "until": until})).one()
    return row.models or (), row.keys or ()


async def orphans(verifier: Tx, before: datetime) -> list[tuple[UUID, UUID]]:
    """(tenant, reference) of holds older than that, of all tenants. Needs the verifier's role."""
    rows = await verifier.session.execute(ORPHANS, {"before": before})
    return [(row.tenant_id, row.id) for row in rows]


def _values(tx: Tx, wanted: UsageFilter, **more: Any) -> dict[str, Any]:
    return {
        "tenant": tx.tenant_id, "since": wanted.since, "until": wanted.until, "model": wanted.model,
        "key_id": wanted.key_id, "status": wanted.status, **more,
    }  # fmt: skip
