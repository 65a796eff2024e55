ALTER TABLE api_key ADD COLUMN log_days SMALLINT DEFAULT 7 NOT NULL;
-- What a request of a key asked and was answered, sealed. Only keys that are switched to it leave one. `id` is the usage record's. A row lives 30 days from `counts_from`, which lies so far back that it goes after as many days as its key asks for.
CREATE TABLE prompt_log (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	key_id UUID NOT NULL, 
	counts_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	content BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_prompt_log PRIMARY KEY (tenant_id, id)
);
SELECT cm.guard('prompt_log');
GRANT SELECT, INSERT, UPDATE, DELETE ON prompt_log TO cm_app, cm_worker;
GRANT SELECT ON prompt_log TO cm_verifier;
SELECT cm.keep_for('prompt_log', 'counts_from', 30);
