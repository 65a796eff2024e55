CREATE SCHEMA IF NOT EXISTS cm;
GRANT USAGE ON SCHEMA cm TO cm_app, cm_worker, cm_verifier, cm_search;

-- The tenant of this transaction; NULL when none is set, and then no row is visible.
CREATE OR REPLACE FUNCTION cm.tenant() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- Row security does not reach partitions through their parent: each gets its own, and no role gets a grant on it.
CREATE OR REPLACE FUNCTION cm.guard(relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
  EXECUTE format('CREATE POLICY tenant_isolation ON %s TO cm_app, cm_worker '
                 'USING (tenant_id = cm.tenant()) WITH CHECK (tenant_id = cm.tenant())', relation);
  EXECUTE format('CREATE POLICY verifier_reads ON %s FOR SELECT TO cm_verifier USING (true)', relation);
END $$;
REVOKE ALL ON FUNCTION cm.guard(regclass) FROM PUBLIC;

-- Monthly partitions of one table: from the current month until so many months ahead. Safe to repeat and to race.
CREATE OR REPLACE FUNCTION cm.ensure_partitions(parent regclass, from_month date, months int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_catalog, pg_temp AS $$
DECLARE
  month date; child text; made int := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = parent) THEN
    RAISE EXCEPTION '% is not partitioned', parent;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('cm.ensure_partitions'));
  FOR i IN 0..least(months, 36) LOOP
    month := date_trunc('month', from_month) + make_interval(months => i);
    child := (SELECT relname FROM pg_class WHERE oid = parent) || to_char(month, '_YYYYMM');
    CONTINUE WHEN to_regclass(format('public.%I', child)) IS NOT NULL;
    EXECUTE format('CREATE TABLE public.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', child, parent,
                   month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    PERFORM cm.guard(format('public.%I', child)::regclass);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION cm.ensure_partitions(regclass, date, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.ensure_partitions(regclass, date, int) TO cm_worker;

-- One look-up: under this kind and value, that thing of that tenant.
CREATE TABLE directory_entry (
	kind VARCHAR(40) NOT NULL,
	lookup VARCHAR(100) NOT NULL,
	tenant_id UUID NOT NULL,
	target_id UUID NOT NULL,
	CONSTRAINT pk_directory_entry PRIMARY KEY (kind, lookup, tenant_id, target_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON directory_entry TO cm_app, cm_worker;
GRANT SELECT ON directory_entry TO cm_verifier;
-- One version of the policy: the hash of its sentences and map, and the day it takes effect.
CREATE TABLE policy_version (
	id UUID NOT NULL,
	number INTEGER NOT NULL,
	digest VARCHAR(64) NOT NULL,
	effective_at TIMESTAMP WITH TIME ZONE NOT NULL,
	summary VARCHAR(1000) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_policy_version PRIMARY KEY (id),
	CONSTRAINT uq_policy_version_number UNIQUE (number)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON policy_version TO cm_app, cm_worker;
GRANT SELECT ON policy_version TO cm_verifier;
-- The worst verdict of a promise on one day (IST): a dot of its year.
CREATE TABLE promise_day (
	id UUID NOT NULL,
	promise VARCHAR(60) NOT NULL,
	day DATE NOT NULL,
	verdict VARCHAR(10) NOT NULL,
	checks INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_promise_day PRIMARY KEY (id),
	CONSTRAINT uq_promise_day_promise_day UNIQUE (promise, day)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON promise_day TO cm_app, cm_worker;
GRANT SELECT ON promise_day TO cm_verifier;
-- The latest finding of each promise's check, with its evidence.
CREATE TABLE promise_verdict (
	id UUID NOT NULL,
	promise VARCHAR(60) NOT NULL,
	verdict VARCHAR(10) NOT NULL,
	headline VARCHAR(400) NOT NULL,
	evidence JSONB NOT NULL,
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_promise_verdict PRIMARY KEY (id),
	CONSTRAINT uq_promise_verdict_promise UNIQUE (promise)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON promise_verdict TO cm_app, cm_worker;
GRANT SELECT ON promise_verdict TO cm_verifier;
