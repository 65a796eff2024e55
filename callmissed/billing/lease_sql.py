"""The two functions that leases are written with: each does the work of many tenants in one statement.

They run with their owner's rights, because an application role sees one tenant at a time; the owner sees the tenants that a
batch names, and no others (`cm.tenants`). Both lock the wallets first, in the order of their ids, and touch leases under that
lock only: so two writers cannot wait for one another in a ring, and what one has written the next one sees.
"""

from callmissed.billing.statements import MONTH_SPENT, USAGE_COLUMNS, USAGE_TYPES, USAGE_VALUES


def _function(says: str, signature: str, returns: str, query: str) -> str:
    return f"""
-- {says}
CREATE OR REPLACE FUNCTION cm.{signature} RETURNS TABLE ({returns})
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM cm.work_for(tenants);
  PERFORM 1 FROM public.wallet w WHERE w.tenant_id = ANY (tenants) AND w.id = w.tenant_id ORDER BY w.tenant_id FOR UPDATE;
  RETURN QUERY
{query.strip()};
  PERFORM cm.work_for(NULL);
END $$
"""


RESIZE_LEASES = _function(
    """Bring leases to a size: $2 lists tenant_id, lease, size and least. A lease grows by no more than a share of what its wallet
-- has available, not at all where that is less than `scarce`, and begins only with `least`; size 0 ends it. Returns what is held.""",
    "resize_leases(tenants uuid[], batch text, moment timestamptz, share int, scarce bigint)",
    "lease uuid, held bigint",
    """
  WITH item AS MATERIALIZED (
    SELECT DISTINCT ON (i.tenant_id) i.*,
      coalesce((SELECT h.amount_micro FROM public.wallet_hold h WHERE h.tenant_id = i.tenant_id AND h.id = i.lease), 0) AS was
    FROM json_to_recordset(batch::json) AS i(tenant_id uuid, lease uuid, size bigint, least bigint) ORDER BY i.tenant_id
  ), room AS (
    SELECT item.*, CASE WHEN able.micro >= scarce THEN able.micro / share ELSE 0 END AS free
    FROM item JOIN public.wallet w ON w.tenant_id = item.tenant_id AND w.id = item.tenant_id
    CROSS JOIN LATERAL cm.spendable(w.balance_micro, w.held_micro, w.budget_micro, w.month_on, w.month_micro, moment) AS able(micro)
  ), sized AS (
    SELECT tenant_id, room.lease, was, CASE WHEN size <= was THEN size WHEN was = 0 AND least(size, free) < room.least THEN 0
      ELSE least(size, was + free) END AS size FROM room
  ), moved AS (
    UPDATE public.wallet w SET held_micro = w.held_micro + s.size - s.was FROM sized s
    WHERE w.tenant_id = s.tenant_id AND w.id = s.tenant_id AND s.size <> s.was
  ), ended AS (
    DELETE FROM public.wallet_hold h USING sized s WHERE h.tenant_id = s.tenant_id AND h.id = s.lease AND s.size = 0
  ), kept AS (
    INSERT INTO public.wallet_hold (tenant_id, id, amount_micro, created_at)
    SELECT tenant_id, sized.lease, size, moment FROM sized WHERE size > 0
    ON CONFLICT (tenant_id, id) DO UPDATE SET amount_micro = EXCLUDED.amount_micro, created_at = EXCLUDED.created_at
  )
  SELECT sized.lease, size FROM sized
""",
)

SETTLE_LEASED = _function(
    """Settle requests whose money stands in leases: $2 lists tenant_id, lease, ref, amount and usage. Returns what each was charged,
-- also when it was written before; without a row are those whose lease is not there, or does not cover them: nothing was charged.""",
    "settle_leased(tenants uuid[], batch text, moment timestamptz)",
    "settled uuid, charged bigint",
    """
  WITH item AS MATERIALIZED (
    SELECT DISTINCT ON (i.tenant_id, i.ref) i.*, cm.moment(i.ref) AS at,
      (SELECT h.amount_micro FROM public.wallet_hold h WHERE h.tenant_id = i.tenant_id AND h.id = i.lease) AS held,
      (SELECT u.price_micro FROM public.usage_record u
       WHERE u.tenant_id = i.tenant_id AND u.at = cm.moment(i.ref) AND u.id = i.ref) AS before
    FROM json_to_recordset(batch::json) AS i(tenant_id uuid, lease uuid, ref uuid, amount bigint, usage json)
    WHERE i.amount >= 0 ORDER BY i.tenant_id, i.ref
  ), covered AS MATERIALIZED (
    SELECT * FROM (SELECT *, sum(amount) OVER (PARTITION BY tenant_id, lease ORDER BY ref) AS together FROM item
                   WHERE before IS NULL AND held IS NOT NULL) AS fresh WHERE together <= held
  ), entered AS (
    INSERT INTO public.ledger_entry (tenant_id, at, id, debit, credit, amount_micro, kind, ref)
    SELECT tenant_id, at, ref, 'wallet', 'sales', amount, 'usage', ref FROM covered WHERE amount > 0
  ), recorded AS (
    INSERT INTO public.usage_record (tenant_id, at, id, price_micro, USAGE_COLUMNS)
    SELECT tenant_id, at, ref, amount, USAGE_VALUES
    FROM covered CROSS JOIN LATERAL json_to_record(covered.usage) AS u(USAGE_TYPES)
  ), spent AS MATERIALIZED (
    SELECT tenant_id, lease, max(held) AS held, sum(amount)::bigint AS amount FROM covered GROUP BY 1, 2 HAVING sum(amount) > 0
  ), ended AS (
    DELETE FROM public.wallet_hold h USING spent s WHERE h.tenant_id = s.tenant_id AND h.id = s.lease AND s.amount = s.held
  ), lowered AS (
    UPDATE public.wallet_hold h SET amount_micro = h.amount_micro - s.amount FROM spent s
    WHERE h.tenant_id = s.tenant_id AND h.id = s.lease AND s.amount < s.held
  ), newest AS (
    SELECT DISTINCT ON (tenant_id) tenant_id, cm.month(ref) AS month_on, sum(amount) AS amount FROM covered
    WHERE amount > 0 GROUP BY 1, 2 ORDER BY 1, 2 DESC
  ), paid AS (
    UPDATE public.wallet w SET balance_micro = w.balance_micro - s.amount, held_micro = w.held_micro - s.amount,
      MONTH_SPENT
    FROM (SELECT tenant_id, sum(amount) AS amount FROM spent GROUP BY 1) s JOIN newest n ON n.tenant_id = s.tenant_id
    WHERE w.tenant_id = s.tenant_id AND w.id = s.tenant_id
  ), counted AS (
    INSERT INTO public.key_spend (tenant_id, id, month_on, spent_micro, held_micro, created_at)
    SELECT tenant_id, (usage ->> 'key_id')::uuid, cm.month(ref), sum(amount), 0, moment FROM covered
    WHERE amount > 0 AND usage ->> 'key_id' IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, id, month_on) DO UPDATE SET spent_micro = key_spend.spent_micro + EXCLUDED.spent_micro
  )
  SELECT ref, amount FROM covered UNION ALL SELECT ref, before FROM item WHERE before IS NOT NULL
""".replace("MONTH_SPENT", MONTH_SPENT)
    .replace("USAGE_COLUMNS", USAGE_COLUMNS)
    .replace("USAGE_VALUES", USAGE_VALUES)
    .replace("USAGE_TYPES", USAGE_TYPES),
)

LEASE_FUNCTIONS = (
    RESIZE_LEASES,
    "REVOKE ALL ON FUNCTION cm.resize_leases(uuid[], text, timestamptz, int, bigint) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION cm.resize_leases(uuid[], text, timestamptz, int, bigint) TO cm_app, cm_worker",
    SETTLE_LEASED,
    "REVOKE ALL ON FUNCTION cm.settle_leased(uuid[], text, timestamptz) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION cm.settle_leased(uuid[], text, timestamptz) TO cm_app, cm_worker",
)
"""What makes them, for the schema."""
