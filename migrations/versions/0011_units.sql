ALTER TABLE usage_record ADD COLUMN unit VARCHAR(12);
ALTER TABLE usage_record ADD COLUMN units INTEGER;
-- Settle requests whose money stands in leases: $2 lists tenant_id, lease, ref, amount and usage. Returns what each was charged,
-- also when it was written before; without a row are those whose lease is not there, or does not cover them: nothing was charged.
CREATE OR REPLACE FUNCTION cm.settle_leased(tenants uuid[], batch text, moment timestamptz) RETURNS TABLE (settled uuid, charged bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM cm.work_for(tenants);
  PERFORM 1 FROM public.wallet w WHERE w.tenant_id = ANY (tenants) AND w.id = w.tenant_id ORDER BY w.tenant_id FOR UPDATE;
  RETURN QUERY
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
    INSERT INTO public.usage_record (tenant_id, at, id, price_micro, 
key_id, bot_id, conversation_id, endpoint, model, upstream, region, may_train, tokens_in, tokens_out, counted_by,
admit_us, reserve_us, first_token_ms, latency_ms, price_in_micro, price_out_micro, status, http_status, problem, streamed,
tried, india_only, unit, units
)
    SELECT tenant_id, at, ref, amount, 
key_id, bot_id, conversation_id, endpoint, model, upstream, region, may_train, tokens_in, tokens_out, counted_by,
admit_us, reserve_us, first_token_ms, latency_ms, price_in_micro, price_out_micro, status, http_status, problem, streamed,
tried, india_only, unit, units

    FROM covered CROSS JOIN LATERAL json_to_record(covered.usage) AS u(
key_id uuid, bot_id uuid, conversation_id uuid, endpoint text, model text, upstream text, region text, may_train bool,
tokens_in int, tokens_out int, counted_by text, admit_us int, reserve_us int, first_token_ms int, latency_ms int,
price_in_micro bigint, price_out_micro bigint, status text, http_status int, problem text, streamed bool,
tried text, india_only bool, unit text, units int
)
  ), spent AS MATERIALIZED (
    SELECT tenant_id, lease, max(held) AS held, sum(amount)::bigint AS amount FROM covered GROUP BY 1, 2 HAVING sum(amount) > 0
  ), ended AS (
    DELETE FROM public.wallet_hold h USING spent s WHERE h.tenant_id = s.tenant_id AND h.id = s.lease AND s.amount = s.held
  ), lowered AS (
    UPDATE public.wallet_hold h SET amount_micro = h.amount_micro - s.amount FROM spent s
    WHERE h.tenant_id = s.tenant_id AND h.id = s.lease AND s.amount < s.held
  ), paid AS (
    UPDATE public.wallet w SET balance_micro = w.balance_micro - s.amount, held_micro = w.held_micro - s.amount
    FROM (SELECT tenant_id, sum(amount) AS amount FROM spent GROUP BY 1) s WHERE w.tenant_id = s.tenant_id AND w.id = s.tenant_id
  ), counted AS (
    INSERT INTO public.key_spend (tenant_id, id, month_on, spent_micro, held_micro, created_at)
    SELECT tenant_id, (usage ->> 'key_id')::uuid, cm.month(ref), sum(amount), 0, moment FROM covered
    WHERE amount > 0 AND usage ->> 'key_id' IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, id, month_on) DO UPDATE SET spent_micro = key_spend.spent_micro + EXCLUDED.spent_micro
  )
  SELECT ref, amount FROM covered UNION ALL SELECT ref, before FROM item WHERE before IS NOT NULL;
  PERFORM cm.work_for(NULL);
END $$;
REVOKE ALL ON FUNCTION cm.settle_leased(uuid[], text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.settle_leased(uuid[], text, timestamptz) TO cm_app, cm_worker;
