-- A file that a key uploaded for a batch, or that a batch left.
CREATE TABLE stored_file (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	key_id UUID NOT NULL,
	purpose VARCHAR(20) NOT NULL,
	size BIGINT NOT NULL,
	name BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_stored_file PRIMARY KEY (tenant_id, id)
);
SELECT cm.guard('stored_file');
GRANT SELECT, INSERT, UPDATE, DELETE ON stored_file TO cm_app, cm_worker;
GRANT SELECT ON stored_file TO cm_verifier;
SELECT cm.keep_for('stored_file', 'created_at', 30);
-- A piece of a file: whole lines, so that each can be read by itself.
CREATE TABLE stored_file_part (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	file_id UUID NOT NULL,
	number INTEGER NOT NULL,
	key_id UUID NOT NULL,
	content BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_stored_file_part PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_stored_file_part_tenant_id_file_id FOREIGN KEY(tenant_id, file_id) REFERENCES stored_file (tenant_id, id) ON DELETE CASCADE,
	CONSTRAINT uq_stored_file_part_tenant_id_file_id_number UNIQUE (tenant_id, file_id, number)
);
SELECT cm.guard('stored_file_part');
GRANT SELECT, INSERT, UPDATE, DELETE ON stored_file_part TO cm_app, cm_worker;
GRANT SELECT ON stored_file_part TO cm_verifier;
SELECT cm.keep_for('stored_file_part', 'created_at', 30);
-- Many requests of one key, asked one after another within a day. `turn` counts whose turn it is to ask: see `running`.
CREATE TABLE batch (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	key_id UUID NOT NULL,
	input_file_id UUID NOT NULL,
	output_file_id UUID,
	error_file_id UUID,
	endpoint VARCHAR(40) NOT NULL,
	state VARCHAR(12) NOT NULL,
	total INTEGER NOT NULL,
	completed INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	answer_bytes BIGINT NOT NULL,
	deliveries SMALLINT NOT NULL,
	faults JSONB NOT NULL,
	once_hash BYTEA,
	labels BYTEA,
	turn INTEGER NOT NULL,
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
	begun_at TIMESTAMP WITH TIME ZONE,
	finalizing_at TIMESTAMP WITH TIME ZONE,
	cancelling_at TIMESTAMP WITH TIME ZONE,
	ended_at TIMESTAMP WITH TIME ZONE,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_batch PRIMARY KEY (tenant_id, id)
);
SELECT cm.guard('batch');
GRANT SELECT, INSERT, UPDATE, DELETE ON batch TO cm_app, cm_worker;
GRANT SELECT ON batch TO cm_verifier;
SELECT cm.keep_for('batch', 'created_at', 30);
-- One request of a batch that is not at its end. Where it stands in the input file; then its usage record and its answer.
CREATE TABLE batch_line (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	batch_id UUID NOT NULL,
	number INTEGER NOT NULL,
	part INTEGER NOT NULL,
	begins INTEGER NOT NULL,
	ends INTEGER NOT NULL,
	state VARCHAR(8) NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	attempts SMALLINT NOT NULL,
	usage_id UUID,
	status SMALLINT,
	problem VARCHAR(60),
	key_id UUID NOT NULL,
	answer BYTEA,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_batch_line PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_batch_line_tenant_id_batch_id FOREIGN KEY(tenant_id, batch_id) REFERENCES batch (tenant_id, id) ON DELETE CASCADE,
	CONSTRAINT uq_batch_line_tenant_id_batch_id_number UNIQUE (tenant_id, batch_id, number)
);
CREATE INDEX ix_batch_line_tenant_id_batch_id_state_number ON batch_line (tenant_id, batch_id, state, number);
SELECT cm.guard('batch_line');
GRANT SELECT, INSERT, UPDATE, DELETE ON batch_line TO cm_app, cm_worker;
GRANT SELECT ON batch_line TO cm_verifier;
SELECT cm.keep_for('batch_line', 'created_at', 30);
