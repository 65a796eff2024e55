-- A picture that was made, and the words it was made from, sealed under a key of its own: erasing one destroys that key.
CREATE TABLE kept_picture (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	key_id UUID, 
	usage_id UUID NOT NULL, 
	model VARCHAR(200) NOT NULL, 
	content_type VARCHAR(20) NOT NULL, 
	size INTEGER NOT NULL, 
	prompt BYTEA NOT NULL, 
	content BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_kept_picture PRIMARY KEY (tenant_id, id)
);
SELECT cm.guard('kept_picture');
GRANT SELECT, INSERT, UPDATE, DELETE ON kept_picture TO cm_app, cm_worker;
GRANT SELECT ON kept_picture TO cm_verifier;
SELECT cm.keep_for('kept_picture', 'created_at', 30);
