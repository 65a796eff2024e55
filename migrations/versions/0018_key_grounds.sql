-- The bot whose knowledge the answers of a key rest on.
ALTER TABLE api_key ADD COLUMN bot_id UUID;
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
    'origins', i.origins, 'networks', i.networks, 'options', i.options, 'grounds', i.bot_id,
    'serial', i.serial, 'retired', i.retired)::text FROM item i;
  PERFORM cm.work_for(NULL);
END $$;
