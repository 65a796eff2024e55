"""The schema as SQL, derived from the mapped classes: tables, indexes, row security, grants, partitions.

`python -m tools.new_tables NAME` prints the part of one table for its migration; nothing creates tables at run time.
"""

from collections.abc import Iterator

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from callmissed.foundation.datamap import is_tenant_table, outlives_tenant

APPLICATION_ROLES = "cm_app, cm_worker"

ERASABLE = """\
CREATE POLICY erasure ON {} TO cm_owner USING (tenant_id IN (SELECT c.tenant_id FROM public.closed_tenant c
  WHERE c.erasing_at IS NOT NULL)) WITH CHECK (false);"""
"""What the owner of an append-only table sees besides: rows of tenants that are being erased (foundation/doors.py)."""

BATCHED = """\
CREATE POLICY batch ON {0} TO cm_owner USING (tenant_id = ANY ((SELECT cm.tenants())::uuid[]))
  WITH CHECK (tenant_id = ANY ((SELECT cm.tenants())::uuid[]));"""
"""What the owner of a table sees besides, within a function that works for several tenants: the rows of those it was told."""

FUNCTIONS = """\
CREATE SCHEMA IF NOT EXISTS cm;
GRANT USAGE ON SCHEMA cm TO cm_app, cm_worker, cm_verifier, cm_search;

-- The tenant of this transaction; NULL when none is set, and then no row is visible.
CREATE OR REPLACE FUNCTION cm.tenant() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- The tenants that a function with its owner's rights works for; NULL outside of one, and then its owner sees no row by this.
CREATE OR REPLACE FUNCTION cm.tenants() RETURNS uuid[] LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('app.tenants', true), '')::uuid[] $$;

-- Such a function names them when it begins, and none when it ends.
CREATE OR REPLACE FUNCTION cm.work_for(tenants uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.tenants', coalesce(tenants::text, ''), true);
END $$;
REVOKE ALL ON FUNCTION cm.work_for(uuid[]) FROM PUBLIC;

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
GRANT EXECUTE ON FUNCTION cm.ensure_partitions(regclass, date, int) TO cm_app, cm_worker;

-- How many days each table is kept, as the data map says. No role but the owner reads or writes it.
CREATE TABLE IF NOT EXISTS cm.keeping (
  relation regclass PRIMARY KEY,
  anchor name NOT NULL,
  days int NOT NULL CHECK (days > 0)
);

-- Enter a table; where it has row security, its owner comes to see what is past its days, and nothing else.
CREATE OR REPLACE FUNCTION cm.keep_for(relation regclass, anchor name, days int) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO cm.keeping VALUES (relation, anchor, days);
  IF (SELECT relrowsecurity FROM pg_class WHERE oid = relation) THEN
    EXECUTE format('CREATE POLICY expiry ON %s TO cm_owner USING (%I < now() - make_interval(days => %s)) '
                   'WITH CHECK (false)', relation, anchor, days);
  END IF;
END $$;
REVOKE ALL ON FUNCTION cm.keep_for(regclass, name, int) FROM PUBLIC;

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
REVOKE ALL ON FUNCTION cm.expire(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.expire(regclass) TO cm_app, cm_worker;
"""


def statements(tables: tuple[Table, ...]) -> Iterator[str]:
    """Every statement that creates these tables with their locks, in order, each ending in a semicolon."""
    yield FUNCTIONS
    for table in tables:
        yield from table_statements(table)


def table_statements(table: Table) -> Iterator[str]:
    """The statements of one table: itself, its indexes, row security, grants, extra SQL and first partitions."""
    dialect = postgresql.dialect()
    row = table.info["row"]
    yield f"-- {' '.join((row.__doc__ or '').split())}"
    yield str(CreateTable(table).compile(dialect=dialect)).strip() + ";"
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        yield str(CreateIndex(index).compile(dialect=dialect)) + ";"
    if is_tenant_table(table):
        yield f"SELECT cm.guard('{table.name}');"
    rights = "SELECT, INSERT" if row.__append_only__ else "SELECT, INSERT, UPDATE, DELETE"
    yield f"GRANT {rights} ON {table.name} TO {APPLICATION_ROLES};"
    yield f"GRANT SELECT ON {table.name} TO cm_verifier;"
    if row.__keep__.days is not None:
        yield f"SELECT cm.keep_for('{table.name}', '{row.__keep__.anchor}', {row.__keep__.days});"
    if row.__append_only__ and is_tenant_table(table) and not outlives_tenant(table):
        yield ERASABLE.format(table.name)
    if row.__batched__:
        yield BATCHED.format(table.name)
    for extra in row.__sql__:
        yield extra.strip().rstrip(";") + ";"
    if row.__partition__:
        yield f"SELECT cm.ensure_partitions('{table.name}', CURRENT_DATE, 3);"
