-- The most a workspace spends in a month, and what may be spent in a month for each end user of a key.
ALTER TABLE wallet ADD COLUMN budget_micro BIGINT;
ALTER TABLE wallet ADD COLUMN month_on DATE DEFAULT '2000-01-01' NOT NULL;
ALTER TABLE wallet ADD COLUMN month_micro BIGINT DEFAULT 0 NOT NULL;
ALTER TABLE wallet_hold ADD COLUMN end_user UUID;
ALTER TABLE api_key ADD COLUMN end_user_budget BIGINT;
-- What was spent in one month of the Indian calendar for a customer of the workspace, and is held for requests of it. `id` is a keyed hash of what the workspace calls them: it tells nobody who they are. Only keys that have a budget for each end user count.
CREATE TABLE end_user_spend (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	month_on DATE NOT NULL, 
	spent_micro BIGINT NOT NULL, 
	held_micro BIGINT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_end_user_spend PRIMARY KEY (tenant_id, id, month_on), 
	CONSTRAINT ck_end_user_spend_spent CHECK (spent_micro >= 0), 
	CONSTRAINT ck_end_user_spend_held CHECK (held_micro >= 0)
);
SELECT cm.guard('end_user_spend');
GRANT SELECT, INSERT, UPDATE, DELETE ON end_user_spend TO cm_app, cm_worker;
GRANT SELECT ON end_user_spend TO cm_verifier;
SELECT cm.keep_for('end_user_spend', 'created_at', 90);
-- What a wallet can still promise: what it has available, and no more than what its workspace's budget leaves in the month of that moment.
-- A month that is ahead of the moment counts as this one: a clock that was set back opens no budget anew.
CREATE OR REPLACE FUNCTION cm.spendable(balance bigint, held bigint, budget bigint, month_on date, month_micro bigint, moment timestamptz)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT least(balance - held, budget - held - CASE
    WHEN month_on >= date_trunc('month', (moment AT TIME ZONE 'UTC') + interval '330 minutes')::date THEN month_micro ELSE 0 END)
$$;
GRANT EXECUTE ON FUNCTION cm.spendable(bigint, bigint, bigint, date, bigint, timestamptz) TO cm_app, cm_worker, cm_verifier;
-- Bring leases to a size: $2 lists tenant_id, lease, size and least. A lease grows by no more than a share of what its wallet
-- has available, not at all where that is less than `scarce`, and begins only with `least`; size 0 ends it. Returns what is held.
CREATE OR REPLACE FUNCTION cm.resize_leases(tenants uuid[], batch text, moment timestamptz, share int, scarce bigint) RETURNS TABLE (lease uuid, held bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  PERFORM cm.work_for(tenants);
  PERFORM 1 FROM public.wallet w WHERE w.tenant_id = ANY (tenants) AND w.id = w.tenant_id ORDER BY w.tenant_id FOR UPDATE;
  RETURN QUERY
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
  SELECT sized.lease, size FROM sized;
  PERFORM cm.work_for(NULL);
END $$;
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
tried, india_only, unit, units, options, own_key
)
    SELECT tenant_id, at, ref, amount, 
key_id, bot_id, conversation_id, endpoint, model, upstream, region, may_train, tokens_in, tokens_out, counted_by,
admit_us, reserve_us, first_token_ms, latency_ms, price_in_micro, price_out_micro, status, http_status, problem, streamed,
tried, india_only, unit, units, options, coalesce(own_key, false)

    FROM covered CROSS JOIN LATERAL json_to_record(covered.usage) AS u(
key_id uuid, bot_id uuid, conversation_id uuid, endpoint text, model text, upstream text, region text, may_train bool,
tokens_in int, tokens_out int, counted_by text, admit_us int, reserve_us int, first_token_ms int, latency_ms int,
price_in_micro bigint, price_out_micro bigint, status text, http_status int, problem text, streamed bool,
tried text, india_only bool, unit text, units int, options text, own_key bool
)
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
      
month_on = greatest(w.month_on, n.month_on),
month_micro = CASE WHEN w.month_on >= n.month_on THEN w.month_micro ELSE 0 END + CASE WHEN n.month_on >= w.month_on THEN n.amount ELSE 0 END

    FROM (SELECT tenant_id, sum(amount) AS amount FROM spent GROUP BY 1) s JOIN newest n ON n.tenant_id = s.tenant_id
    WHERE w.tenant_id = s.tenant_id AND w.id = s.tenant_id
  ), counted AS (
    INSERT INTO public.key_spend (tenant_id, id, month_on, spent_micro, held_micro, created_at)
    SELECT tenant_id, (usage ->> 'key_id')::uuid, cm.month(ref), sum(amount), 0, moment FROM covered
    WHERE amount > 0 AND usage ->> 'key_id' IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, id, month_on) DO UPDATE SET spent_micro = key_spend.spent_micro + EXCLUDED.spent_micro
  )
  SELECT ref, amount FROM covered UNION ALL SELECT ref, before FROM item WHERE before IS NOT NULL;
  PERFORM cm.work_for(NULL);
END $$;
-- What is known of keys, of many tenants in one statement. Each line of $1 asks for a key by the keyed hash of a secret (`lookup`), or by
-- `tenant_id` and `key_id`, and lists with which secrets it was used; that is noted, once a minute. Returns, by the number of the
-- line, one document; without one are keys that nobody has.
CREATE OR REPLACE FUNCTION cm.read_keys(batch text, looked_up text, moment timestamptz) RETURNS TABLE (line int, found text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE asked json;
BEGIN
  SELECT json_agg(json_build_object('line', i.line, 'used', i.used,
    'tenant_id', coalesce(i.tenant_id, d.tenant_id), 'key_id', coalesce(i.key_id, d.target_id))) INTO asked
  FROM json_to_recordset(batch::json) AS i(line int, lookup text, tenant_id uuid, key_id uuid, used json)
  LEFT JOIN LATERAL (SELECT e.tenant_id, e.target_id FROM public.directory_entry e
    WHERE e.kind = looked_up AND e.lookup = i.lookup ORDER BY e.target_id LIMIT 1) AS d ON true;
  PERFORM cm.work_for(ARRAY(SELECT DISTINCT i.tenant_id FROM json_to_recordset(asked) AS i(tenant_id uuid) WHERE tenant_id IS NOT NULL));
  SET LOCAL synchronous_commit = off;  -- the minute of the last use may be lost with the server
  RETURN QUERY
  WITH item AS MATERIALIZED (
    SELECT i.line, i.used, t.state, t.plan, t.india_only, t.own_keys, k.*, r.retired,
      EXISTS (SELECT FROM public.closed_tenant c WHERE c.tenant_id = i.tenant_id) AS closed,
      k.service_account_id IS NOT NULL OR k.created_by IS NULL OR EXISTS (SELECT FROM public.membership m
        WHERE m.tenant_id = k.tenant_id AND m.user_id = k.created_by) AS owned
    FROM json_to_recordset(asked) AS i(line int, tenant_id uuid, key_id uuid, used json)
    JOIN public.tenant t ON t.id = i.tenant_id
    JOIN public.api_key k ON k.tenant_id = i.tenant_id AND k.id = i.key_id
    CROSS JOIN LATERAL (SELECT coalesce(json_agg(json_build_object('serial', s.serial, 'works_until', s.works_until,
        'secret_hash', encode(s.secret_hash, 'base64')) ORDER BY s.serial DESC), '[]') AS retired
      FROM public.retired_secret s WHERE s.tenant_id = i.tenant_id AND s.key_id = i.key_id) AS r
  ), working AS MATERIALIZED (
    SELECT * FROM item WHERE revoked_at IS NULL AND state = 'active' AND owned AND NOT closed
  ), noted AS (
    UPDATE public.api_key k SET last_used_at = moment FROM (
      SELECT o.tenant_id, o.id FROM working w JOIN public.api_key o ON o.tenant_id = w.tenant_id AND o.id = w.id
      WHERE o.last_used_at IS NULL OR o.last_used_at < moment - interval '50 seconds' FOR NO KEY UPDATE OF o SKIP LOCKED) AS old
    WHERE k.tenant_id = old.tenant_id AND k.id = old.id
  ), noted_too AS (
    UPDATE public.retired_secret k SET last_used_at = moment FROM (
      SELECT o.tenant_id, o.id FROM working w CROSS JOIN LATERAL json_array_elements_text(w.used) AS u(hash)
      JOIN public.retired_secret o ON o.tenant_id = w.tenant_id AND o.secret_hash = decode(u.hash, 'hex')
      WHERE o.last_used_at IS NULL OR o.last_used_at < moment - interval '50 seconds' FOR NO KEY UPDATE OF o SKIP LOCKED) AS old
    WHERE k.tenant_id = old.tenant_id AND k.id = old.id
  )
  SELECT i.line, json_build_object('tenant_id', i.tenant_id, 'id', i.id, 'closed', i.closed, 'state', i.state,
    'plan', i.plan, 'own_keys', i.own_keys, 'india_only', i.india_only, 'owned', i.owned, 'revoked_at', i.revoked_at,
    'secret_hash', encode(i.secret_hash, 'base64'), 'permissions', i.permissions, 'scopes', i.scopes,
    'monthly_budget', i.monthly_budget, 'end_user_budget', i.end_user_budget, 'expires_at', i.expires_at,
    'requests_per_minute', i.requests_per_minute, 'tokens_per_minute', i.tokens_per_minute, 'models', i.models,
    'origins', i.origins, 'networks', i.networks, 'options', i.options, 'serial', i.serial, 'retired', i.retired)::text FROM item i;
  PERFORM cm.work_for(NULL);
END $$;
