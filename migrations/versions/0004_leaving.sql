ALTER TABLE user_account ADD COLUMN locked_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE session ADD COLUMN address BYTEA;
ALTER TABLE session ADD COLUMN verified_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE tenant DROP CONSTRAINT ck_tenant_state;
ALTER TABLE tenant ADD CONSTRAINT ck_tenant_state CHECK (state IN ('active', 'closed', 'erased'));
-- A tenant whose doors are closed. Opened again, the row goes; erased, it stays, and nobody ever enters again.
CREATE TABLE closed_tenant (
	tenant_id UUID NOT NULL, 
	closed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	erasing_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_closed_tenant PRIMARY KEY (tenant_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON closed_tenant TO cm_app, cm_worker;
GRANT SELECT ON closed_tenant TO cm_verifier;
CREATE OR REPLACE FUNCTION cm.admit(tenant uuid) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF EXISTS (SELECT FROM public.closed_tenant c WHERE c.tenant_id = tenant) THEN
    RAISE EXCEPTION 'this tenant is closed' USING ERRCODE = 'CM403';
  END IF;
END $$;
CREATE OR REPLACE FUNCTION cm.erase_rows(relation regclass, tenant uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE removed bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM public.closed_tenant c WHERE c.tenant_id = tenant AND c.erasing_at IS NOT NULL) THEN
    RAISE EXCEPTION 'this tenant is not being erased' USING ERRCODE = 'insufficient_privilege';
  END IF;
  EXECUTE format('DELETE FROM %s WHERE tenant_id = %L', relation, tenant);
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$;
REVOKE ALL ON FUNCTION cm.erase_rows(regclass, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.erase_rows(regclass, uuid) TO cm_app, cm_worker;
-- That a workspace or an account was closed. For thirty days it can be opened again; then it is erased.
CREATE TABLE closing (
	id UUID NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	subject_id UUID NOT NULL, 
	closed_by UUID, 
	closed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	reopened_at TIMESTAMP WITH TIME ZONE, 
	erasing_at TIMESTAMP WITH TIME ZONE, 
	erased_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_closing PRIMARY KEY (id), 
	CONSTRAINT ck_closing_kind CHECK (kind IN ('tenant', 'account'))
);
CREATE INDEX ix_closing_ends_at ON closing (ends_at);
CREATE INDEX ix_closing_subject_id ON closing (subject_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON closing TO cm_app, cm_worker;
GRANT SELECT ON closing TO cm_verifier;
-- A letter that is due before something closed is erased.
CREATE TABLE closing_notice (
	id UUID NOT NULL, 
	closing_id UUID NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	sent_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_closing_notice PRIMARY KEY (id), 
	CONSTRAINT uq_closing_notice_closing_id_kind UNIQUE (closing_id, kind)
);
CREATE INDEX ix_closing_notice_due_at ON closing_notice (due_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON closing_notice TO cm_app, cm_worker;
GRANT SELECT ON closing_notice TO cm_verifier;
-- One store of an erasure: done or to do, what was removed, and the signed receipt.
CREATE TABLE erasure_step (
	id UUID NOT NULL, 
	closing_id UUID NOT NULL, 
	position INTEGER NOT NULL, 
	store VARCHAR(80) NOT NULL, 
	removed BIGINT NOT NULL, 
	key_ids UUID[], 
	done_at TIMESTAMP WITH TIME ZONE, 
	receipt TEXT, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_erasure_step PRIMARY KEY (id), 
	CONSTRAINT uq_erasure_step_closing_id_store UNIQUE (closing_id, store)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON erasure_step TO cm_app, cm_worker;
GRANT SELECT ON erasure_step TO cm_verifier;
-- A code sent to a signed-in person: to prove themselves again, or to prove a new e-mail address.
CREATE TABLE proof_code (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	session_id UUID NOT NULL, 
	purpose VARCHAR(8) NOT NULL, 
	code_hash BYTEA NOT NULL, 
	address BYTEA, 
	email_index BYTEA, 
	previous BYTEA, 
	previous_index BYTEA, 
	tries INTEGER NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	consumed_at TIMESTAMP WITH TIME ZONE, 
	undone_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_proof_code PRIMARY KEY (id), 
	CONSTRAINT ck_proof_code_purpose CHECK (purpose IN ('again', 'email'))
);
CREATE INDEX ix_proof_code_user_id ON proof_code (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON proof_code TO cm_app, cm_worker;
GRANT SELECT ON proof_code TO cm_verifier;
SELECT cm.keep_for('proof_code', 'expires_at', 8);
-- A warning that was sent: what happened to an account, and whether its holder said that it was not them.
CREATE TABLE security_alert (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	tenant_id UUID, 
	what VARCHAR(24) NOT NULL, 
	leaf_id UUID, 
	letter_id UUID NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	answered_at TIMESTAMP WITH TIME ZONE, 
	stopped_keys UUID[], 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_security_alert PRIMARY KEY (id)
);
CREATE INDEX ix_security_alert_leaf_id ON security_alert (leaf_id);
CREATE INDEX ix_security_alert_user_id ON security_alert (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON security_alert TO cm_app, cm_worker;
GRANT SELECT ON security_alert TO cm_verifier;
SELECT cm.keep_for('security_alert', 'created_at', 30);
-- A sign that the holder of an account may be younger than 18. The account is locked until somebody has looked.
CREATE TABLE child_signal (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	settled_at TIMESTAMP WITH TIME ZONE, 
	outcome VARCHAR(8), 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_child_signal PRIMARY KEY (id), 
	CONSTRAINT ck_child_signal_outcome CHECK (outcome IN ('erased', 'adult'))
);
CREATE INDEX ix_child_signal_user_id ON child_signal (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON child_signal TO cm_app, cm_worker;
GRANT SELECT ON child_signal TO cm_verifier;
SELECT cm.keep_for('child_signal', 'created_at', 400);
CREATE POLICY erasure ON usage_record TO cm_owner USING (tenant_id IN (SELECT c.tenant_id FROM public.closed_tenant c
  WHERE c.erasing_at IS NOT NULL)) WITH CHECK (false);
