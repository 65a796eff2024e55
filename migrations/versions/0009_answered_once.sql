-- That a key asked something under an Idempotency-Key, and the sealed answer. Only callers who send that header leave one.
CREATE TABLE answered_once (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	key_id UUID NOT NULL, 
	key_hash BYTEA NOT NULL, 
	request_hash BYTEA NOT NULL, 
	usage_id UUID NOT NULL, 
	answer BYTEA, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_answered_once PRIMARY KEY (tenant_id, id), 
	CONSTRAINT uq_answered_once_tenant_id_key_id_key_hash UNIQUE (tenant_id, key_id, key_hash)
);
SELECT cm.guard('answered_once');
GRANT SELECT, INSERT, UPDATE, DELETE ON answered_once TO cm_app, cm_worker;
GRANT SELECT ON answered_once TO cm_verifier;
SELECT cm.keep_for('answered_once', 'created_at', 1);
