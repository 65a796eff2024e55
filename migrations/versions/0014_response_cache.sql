-- A whole answer of a key that is switched to the cache, sealed: the same request of its workspace gets it again for an hour.
CREATE TABLE kept_answer (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	key_id UUID NOT NULL, 
	request_hash BYTEA NOT NULL, 
	answer BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_kept_answer PRIMARY KEY (tenant_id, id), 
	CONSTRAINT uq_kept_answer_tenant_id_request_hash UNIQUE (tenant_id, request_hash)
);
SELECT cm.guard('kept_answer');
GRANT SELECT, INSERT, UPDATE, DELETE ON kept_answer TO cm_app, cm_worker;
GRANT SELECT ON kept_answer TO cm_verifier;
SELECT cm.keep_for('kept_answer', 'created_at', 1);
