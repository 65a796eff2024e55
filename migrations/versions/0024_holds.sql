-- A freeze that an authority, or our own case in court, asks for: what is in its scope is not removed until it ends.
CREATE TABLE legal_hold (
	id UUID NOT NULL, 
	tenant_id UUID, 
	person_id UUID, 
	relation VARCHAR(63), 
	from_at TIMESTAMP WITH TIME ZONE, 
	until_at TIMESTAMP WITH TIME ZONE, 
	authority VARCHAR(12) NOT NULL, 
	ordered_by VARCHAR(120) NOT NULL, 
	reference VARCHAR(80) NOT NULL, 
	reason VARCHAR(16) NOT NULL, 
	gagged BOOLEAN NOT NULL, 
	placed_by UUID NOT NULL, 
	renewed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	expires_on DATE NOT NULL, 
	release_asked_by UUID, 
	release_asked_at TIMESTAMP WITH TIME ZONE, 
	released_by UUID, 
	released_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_legal_hold PRIMARY KEY (id), 
	CONSTRAINT ck_legal_hold_scope CHECK (tenant_id IS NOT NULL OR person_id IS NOT NULL), 
	CONSTRAINT ck_legal_hold_authority CHECK (authority IN ('court', 'agency', 'litigation')), 
	CONSTRAINT ck_legal_hold_reference CHECK (length(btrim(ordered_by)) >= 3 AND length(btrim(reference)) >= 3), 
	CONSTRAINT ck_legal_hold_reason CHECK (reason IN ('evidence', 'investigation', 'dispute', 'tax')), 
	CONSTRAINT ck_legal_hold_span CHECK (until_at > from_at), 
	CONSTRAINT ck_legal_hold_a_year CHECK (expires_on BETWEEN (renewed_at AT TIME ZONE 'Asia/Kolkata')::date AND ((renewed_at AT TIME ZONE 'Asia/Kolkata')::date + interval '1 year')::date), 
	CONSTRAINT ck_legal_hold_two_persons CHECK (released_at IS NULL AND released_by IS NULL OR released_at IS NOT NULL AND released_by IS NOT NULL AND release_asked_by IS NOT NULL AND released_by <> release_asked_by)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON legal_hold TO cm_app, cm_worker;
GRANT SELECT ON legal_hold TO cm_verifier;
CREATE OR REPLACE FUNCTION cm.unless_held(relation regclass, anchor name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  today date := (now() AT TIME ZONE 'Asia/Kolkata')::date; at name := anchor; in_tenant text := 'false'; ids text;
BEGIN
  IF NOT EXISTS (SELECT FROM public.legal_hold h WHERE h.released_at IS NULL AND h.expires_on >= today) THEN
    RETURN 'true';
  END IF;
  SELECT string_agg(format('r.%I', a.attname), ', ') FILTER (WHERE a.atttypid = 'uuid'::regtype),
         max(CASE WHEN a.attname = 'tenant_id' THEN 'r.tenant_id = h.tenant_id' END),
         max(CASE WHEN a.attname = 'created_at' THEN a.attname END)
    INTO ids, in_tenant, at
    FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
  RETURN format(
    'NOT EXISTS (SELECT FROM public.legal_hold h WHERE h.released_at IS NULL AND h.expires_on >= %L::date'
    ' AND (h.relation IS NULL OR h.relation = %L) AND (h.tenant_id IS NULL OR %s)'
    ' AND (h.person_id IS NULL OR h.person_id IN (%s))'
    ' AND (h.from_at IS NULL OR r.%I >= h.from_at) AND (h.until_at IS NULL OR r.%I < h.until_at))',
    today, (SELECT c.relname FROM pg_class c WHERE c.oid = relation), coalesce(in_tenant, 'false'), coalesce(ids, 'NULL'),
    coalesce(at, anchor), coalesce(at, anchor));
END $$;
REVOKE ALL ON FUNCTION cm.unless_held(regclass, name) FROM PUBLIC;
REVOKE DELETE ON legal_hold FROM cm_app, cm_worker;
-- Remove the rows of one table that are past its days and that no hold freezes (foundation/holds.py), and its partitions that
-- ended before that. The caller names the table; the period is the one that was entered for it, by the clock of the database.
CREATE OR REPLACE FUNCTION cm.expire(relation regclass) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
  kept cm.keeping; cutoff timestamptz; removed bigint; child regclass; month date; unless text; held bool := false;
BEGIN
  SELECT * INTO kept FROM cm.keeping k WHERE k.relation = expire.relation;
  IF NOT FOUND THEN
    RAISE EXCEPTION '% is not kept for a number of days', relation;
  END IF;
  cutoff := now() - make_interval(days => kept.days);
  PERFORM pg_advisory_xact_lock_shared(hashtext('cm.holds'));
  unless := cm.unless_held(relation, kept.anchor);
  EXECUTE format('DELETE FROM %s r WHERE r.%I < %L AND %s', relation, kept.anchor, cutoff, unless);
  GET DIAGNOSTICS removed = ROW_COUNT;
  FOR child, month IN
    SELECT c.oid, to_date(right(c.relname, 6), 'YYYYMM')
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = relation AND c.relispartition AND c.relname ~ '_[0-9]{6}$'
      AND (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' <= cutoff
  LOOP
    IF unless <> 'true' THEN  -- through the parent, whose policy shows the owner what is past its days
      EXECUTE format('SELECT EXISTS (SELECT FROM %s r WHERE r.%I >= %L AND r.%I < %L)', relation,
                     kept.anchor, month::timestamp AT TIME ZONE 'UTC',
                     kept.anchor, (month + interval '1 month')::timestamp AT TIME ZONE 'UTC') INTO held;
    END IF;
    CONTINUE WHEN held;
    EXECUTE format('DROP TABLE %s', child);
  END LOOP;
  RETURN removed;
END $$;
-- That the erasure of a contact waits, because a legal hold freezes their data. Its id is the contact's.
CREATE TABLE barred_contact (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_barred_contact PRIMARY KEY (tenant_id, id)
);
SELECT cm.guard('barred_contact');
GRANT SELECT, INSERT, UPDATE, DELETE ON barred_contact TO cm_app, cm_worker;
GRANT SELECT ON barred_contact TO cm_verifier;
-- No query of the product finds a barred contact.
CREATE POLICY barred ON contact AS RESTRICTIVE TO cm_app, cm_worker USING (id NOT IN (
  SELECT b.id FROM public.barred_contact b WHERE NOT EXISTS (
    SELECT FROM public.closed_tenant c WHERE c.tenant_id = b.tenant_id AND c.erasing_at IS NOT NULL))) WITH CHECK (true);
CREATE POLICY barred ON contact_handle AS RESTRICTIVE TO cm_app, cm_worker USING (contact_id NOT IN (
  SELECT b.id FROM public.barred_contact b WHERE NOT EXISTS (
    SELECT FROM public.closed_tenant c WHERE c.tenant_id = b.tenant_id AND c.erasing_at IS NOT NULL))) WITH CHECK (true);
CREATE POLICY barred ON conversation AS RESTRICTIVE TO cm_app, cm_worker USING (contact_id NOT IN (
  SELECT b.id FROM public.barred_contact b WHERE NOT EXISTS (
    SELECT FROM public.closed_tenant c WHERE c.tenant_id = b.tenant_id AND c.erasing_at IS NOT NULL))) WITH CHECK (true);
CREATE POLICY barred ON message AS RESTRICTIVE TO cm_app, cm_worker USING (contact_id NOT IN (
  SELECT b.id FROM public.barred_contact b WHERE NOT EXISTS (
    SELECT FROM public.closed_tenant c WHERE c.tenant_id = b.tenant_id AND c.erasing_at IS NOT NULL))) WITH CHECK (true);
CREATE POLICY barred ON visitor_session AS RESTRICTIVE TO cm_app, cm_worker USING (contact_id NOT IN (
  SELECT b.id FROM public.barred_contact b WHERE NOT EXISTS (
    SELECT FROM public.closed_tenant c WHERE c.tenant_id = b.tenant_id AND c.erasing_at IS NOT NULL))) WITH CHECK (true);
ALTER TABLE closing ADD COLUMN held_at TIMESTAMP WITH TIME ZONE;
