-- A person who works for the operator, in one role. The role works once they are bound, and until they are removed.
CREATE TABLE staff_member (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	handle VARCHAR(16) NOT NULL, 
	bound_at TIMESTAMP WITH TIME ZONE, 
	removed_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_staff_member PRIMARY KEY (id), 
	CONSTRAINT uq_staff_member_user_id UNIQUE (user_id), 
	CONSTRAINT uq_staff_member_handle UNIQUE (handle), 
	CONSTRAINT ck_staff_member_role CHECK (role IN ('support', 'finance', 'security', 'grievance', 'privacy', 'auditor'))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_member TO cm_app, cm_worker;
GRANT SELECT ON staff_member TO cm_verifier;
-- One signature under the confidentiality undertaking: what was read, the name typed, and a digest over both and the time.
CREATE TABLE staff_undertaking (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	version INTEGER NOT NULL, 
	language VARCHAR(16) NOT NULL, 
	text_digest BYTEA NOT NULL, 
	signed_name BYTEA NOT NULL, 
	digest BYTEA NOT NULL, 
	signed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_staff_undertaking PRIMARY KEY (id)
);
CREATE INDEX ix_staff_undertaking_user_id ON staff_undertaking (user_id);
GRANT SELECT, INSERT ON staff_undertaking TO cm_app, cm_worker;
GRANT SELECT ON staff_undertaking TO cm_verifier;
CREATE OR REPLACE FUNCTION cm.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON staff_undertaking FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change();
-- A request of the operator's staff to look into this tenant: asked, decided, open for a time, and ended. Of kind `approval` it is opened by somebody of the tenant; of kind `glass` by two persons of staff, for an hour at most.
CREATE TABLE staff_access (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	asked_by UUID NOT NULL, 
	handle VARCHAR(16) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	reason VARCHAR(1000) NOT NULL, 
	authority VARCHAR(200), 
	scope VARCHAR(16) NOT NULL, 
	target_id UUID, 
	minutes INTEGER NOT NULL, 
	seconded_by UUID, 
	second_handle VARCHAR(16), 
	decided_by UUID, 
	refused_at TIMESTAMP WITH TIME ZONE, 
	opened_at TIMESTAMP WITH TIME ZONE, 
	ends_at TIMESTAMP WITH TIME ZONE, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	acknowledged_at TIMESTAMP WITH TIME ZONE, 
	reads INTEGER NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_staff_access PRIMARY KEY (tenant_id, id), 
	CONSTRAINT ck_staff_access_kind CHECK (kind IN ('approval', 'glass')), 
	CONSTRAINT ck_staff_access_scope CHECK (scope IN ('conversation', 'bots', 'usage', 'billing')), 
	CONSTRAINT ck_staff_access_target CHECK ((scope = 'conversation') = (target_id IS NOT NULL)), 
	CONSTRAINT ck_staff_access_minutes CHECK (minutes BETWEEN 15 AND CASE kind WHEN 'glass' THEN 60 ELSE 480 END), 
	CONSTRAINT ck_staff_access_two_persons CHECK (decided_by <> asked_by AND seconded_by <> asked_by), 
	CONSTRAINT ck_staff_access_opened CHECK (ends_at IS NULL OR opened_at IS NOT NULL AND (
  kind = 'approval' AND decided_by IS NOT NULL OR kind = 'glass' AND seconded_by IS NOT NULL AND authority IS NOT NULL)), 
	CONSTRAINT ck_staff_access_in_time CHECK (ends_at IS NULL OR ends_at > opened_at
  AND ends_at <= opened_at + make_interval(mins => least(minutes, CASE kind WHEN 'glass' THEN 60 ELSE 480 END)))
);
CREATE INDEX ix_staff_access_created_at ON staff_access (tenant_id, created_at);
SELECT cm.guard('staff_access');
GRANT SELECT, INSERT, UPDATE, DELETE ON staff_access TO cm_app, cm_worker;
GRANT SELECT ON staff_access TO cm_verifier;
