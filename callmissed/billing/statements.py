"""The ledger writer's statements: each does the whole work for one tenant's batch in one round trip.

$1 is the tenant, which row-level security demands as well. Batches travel as one JSON text, cheaper to encode than arrays.
Closing deletes holds before it touches the wallet, everywhere, so that two writers cannot wait for one another in a ring.
"""

RESERVE = """
WITH item AS (
  SELECT * FROM json_to_recordset($2::text::json) AS i(ref uuid, amount bigint, key_id uuid, end_user uuid)
), taken AS (
  UPDATE wallet SET held_micro = held_micro + $3::bigint
  WHERE tenant_id = $1 AND id = $1 AND cm.spendable(balance_micro, held_micro, budget_micro, month_on, month_micro, $4) >= $3::bigint
  RETURNING 1
), counted AS (
  INSERT INTO key_spend (tenant_id, id, month_on, spent_micro, held_micro, created_at)
  SELECT $1, key_id, cm.month(ref), 0, sum(amount), $4 FROM item WHERE key_id IS NOT NULL AND EXISTS (SELECT FROM taken)
  GROUP BY 2, 3 ORDER BY 2, 3
  ON CONFLICT (tenant_id, id, month_on) DO UPDATE SET held_micro = key_spend.held_micro + EXCLUDED.held_micro
), counted_too AS (
  INSERT INTO end_user_spend (tenant_id, id, month_on, spent_micro, held_micro, created_at)
  SELECT $1, end_user, cm.month(ref), 0, sum(amount), $4 FROM item WHERE end_user IS NOT NULL AND EXISTS (SELECT FROM taken)
  GROUP BY 2, 3 ORDER BY 2, 3
  ON CONFLICT (tenant_id, id, month_on) DO UPDATE SET held_micro = end_user_spend.held_micro + EXCLUDED.held_micro
)
INSERT INTO wallet_hold (tenant_id, id, amount_micro, key_id, end_user, created_at)
SELECT $1, item.ref, item.amount, item.key_id, item.end_user, $4 FROM item WHERE EXISTS (SELECT FROM taken)
RETURNING id
"""
"""$2 items, $3 their sum, $4 now. All or none: no row means that the sum is not available."""

AVAILABLE = """
SELECT balance_micro - held_micro AS available,
  CASE WHEN budget_micro IS NOT NULL
    THEN cm.spendable(budget_micro + held_micro, held_micro, budget_micro, month_on, month_micro, $2) END AS budget
FROM wallet WHERE tenant_id = $1 AND id = $1 FOR UPDATE
"""
"""$2 now. `budget` is what is left of the workspace's budget; null where it has none."""

USED = """
WITH asked AS (SELECT DISTINCT unnest($2::uuid[]) AS id)
SELECT s.id, s.month_on, s.spent_micro + s.held_micro AS used FROM key_spend s JOIN asked i ON s.id = i.id
WHERE s.tenant_id = $1 AND s.month_on >= $3::date
UNION ALL
SELECT s.id, s.month_on, s.spent_micro + s.held_micro FROM end_user_spend s JOIN asked i ON s.id = i.id
WHERE s.tenant_id = $1 AND s.month_on >= $3::date
"""
"""$2 keys and end users, $3 the earliest month asked for. Exact while AVAILABLE holds the wallet: whoever spends takes it first."""

USAGE_COLUMNS = """
key_id, bot_id, conversation_id, endpoint, model, upstream, region, may_train, tokens_in, tokens_out, counted_by,
admit_us, reserve_us, first_token_ms, latency_ms, price_in_micro, price_out_micro, status, http_status, problem, streamed,
tried, india_only, unit, units, options, own_key
"""
USAGE_VALUES = USAGE_COLUMNS.replace("own_key", "coalesce(own_key, false)")
"""As the database's own functions read them: a process of the release before does not know the last column yet."""
USAGE_TYPES = """
key_id uuid, bot_id uuid, conversation_id uuid, endpoint text, model text, upstream text, region text, may_train bool,
tokens_in int, tokens_out int, counted_by text, admit_us int, reserve_us int, first_token_ms int, latency_ms int,
price_in_micro bigint, price_out_micro bigint, status text, http_status int, problem text, streamed bool,
tried text, india_only bool, unit text, units int, options text, own_key bool
"""


MONTH_SPENT = """
month_on = greatest(w.month_on, n.month_on),
month_micro = CASE WHEN w.month_on >= n.month_on THEN w.month_micro ELSE 0 END + CASE WHEN n.month_on >= w.month_on THEN n.amount ELSE 0 END
"""
"""Assignments that add what was charged of the newest month (n) to what a wallet (w) counts for its own newest."""

CLOSE = f"""
WITH item AS MATERIALIZED (
  SELECT * FROM json_to_recordset($2::text::json) AS i(ref uuid, amount bigint, usage json)
), gone AS (
  DELETE FROM wallet_hold h USING item WHERE h.tenant_id = $1 AND h.id = item.ref RETURNING h.id, h.amount_micro, h.key_id, h.end_user
), closed AS (
  SELECT item.ref, item.usage, gone.key_id AS counted_for, gone.end_user, gone.amount_micro AS held,
    least(item.amount, gone.amount_micro) AS charge, cm.month(item.ref) AS month_on
  FROM item JOIN gone ON gone.id = item.ref
), entered AS (
  INSERT INTO ledger_entry (tenant_id, at, id, debit, credit, amount_micro, kind, ref)
  SELECT $1, cm.moment(ref), ref, 'wallet', 'sales', charge, 'usage', ref FROM closed WHERE charge > 0
), recorded AS (
  INSERT INTO usage_record (tenant_id, at, id, price_micro, {USAGE_COLUMNS})
  SELECT $1, cm.moment(ref), ref, charge, {USAGE_COLUMNS}
  FROM closed CROSS JOIN LATERAL json_to_record(closed.usage) AS u({USAGE_TYPES}) WHERE closed.usage IS NOT NULL
), paid AS (
  UPDATE wallet w SET balance_micro = w.balance_micro - t.charge, held_micro = w.held_micro - t.held, {MONTH_SPENT}
  FROM (SELECT sum(charge) AS charge, sum(held) AS held FROM closed) t,
    (SELECT month_on, sum(charge) AS amount FROM closed GROUP BY 1 ORDER BY 1 DESC LIMIT 1) n
  WHERE w.tenant_id = $1 AND w.id = $1 RETURNING 1
), counted AS (
  UPDATE key_spend k SET held_micro = k.held_micro - s.held, spent_micro = k.spent_micro + s.charge
  FROM (
    SELECT counted_for, month_on, sum(held) AS held, sum(charge) AS charge
    FROM closed WHERE counted_for IS NOT NULL GROUP BY 1, 2
  ) s
  WHERE k.tenant_id = $1 AND k.id = s.counted_for AND k.month_on = s.month_on AND EXISTS (SELECT FROM paid)
), counted_too AS (
  UPDATE end_user_spend k SET held_micro = k.held_micro - s.held, spent_micro = k.spent_micro + s.charge
  FROM (
    SELECT end_user, month_on, sum(held) AS held, sum(charge) AS charge
    FROM closed WHERE end_user IS NOT NULL GROUP BY 1, 2
  ) s
  WHERE k.tenant_id = $1 AND k.id = s.end_user AND k.month_on = s.month_on AND EXISTS (SELECT FROM paid)
)
SELECT ref, charge FROM closed
"""  # noqa: S608 - both parts are constants of this module
"""$2 items. A row per hold that stood; what is missing was closed before. Never charges more than was held."""

LATE = f"""
INSERT INTO usage_record (tenant_id, at, id, price_micro, {USAGE_COLUMNS})
SELECT $1, cm.moment(ref), ref, 0, {USAGE_COLUMNS}
FROM json_to_recordset($2::text::json) AS i(ref uuid, usage json)
CROSS JOIN LATERAL json_to_record(i.usage) AS u({USAGE_TYPES})
ON CONFLICT DO NOTHING
"""  # noqa: S608 - both parts are constants of this module
"""$2 items without a hold: recorded free of charge, unless they were recorded before."""

RECORDED = """
SELECT u.id AS ref, u.price_micro AS charge FROM usage_record u
JOIN unnest($2::uuid[]) AS i(ref) ON u.id = i.ref AND u.at = cm.moment(i.ref) WHERE u.tenant_id = $1
"""
