-- A role that a workspace made itself: a named set of permissions, never one that only an owner has.
CREATE TABLE custom_role (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	permissions VARCHAR(40)[] NOT NULL, 
	created_by UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_custom_role PRIMARY KEY (tenant_id, id), 
	CONSTRAINT uq_custom_role_tenant_id_name UNIQUE (tenant_id, name)
);
SELECT cm.guard('custom_role');
GRANT SELECT, INSERT, UPDATE, DELETE ON custom_role TO cm_app, cm_worker;
GRANT SELECT ON custom_role TO cm_verifier;
-- That somebody was asked into the workspace, by an address that has to be proved. The address has a key of its own.
CREATE TABLE invitation (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	token_hash BYTEA NOT NULL, 
	address BYTEA, 
	email_index BYTEA NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	role_id UUID, 
	language VARCHAR(16) NOT NULL, 
	invited_by UUID NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	accepted_at TIMESTAMP WITH TIME ZONE, 
	withdrawn_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_invitation PRIMARY KEY (tenant_id, id), 
	CONSTRAINT uq_invitation_tenant_id_token_hash UNIQUE (tenant_id, token_hash), 
	CONSTRAINT fk_invitation_tenant_id_role_id FOREIGN KEY(tenant_id, role_id) REFERENCES custom_role (tenant_id, id), 
	CONSTRAINT ck_invitation_role CHECK (role IN ('owner', 'admin', 'developer', 'teammate', 'billing', 'privacy', 'custom') AND (role = 'custom') = (role_id IS NOT NULL) AND role <> 'owner')
);
CREATE INDEX ix_invitation_email_index ON invitation (tenant_id, email_index);
SELECT cm.guard('invitation');
GRANT SELECT, INSERT, UPDATE, DELETE ON invitation TO cm_app, cm_worker;
GRANT SELECT ON invitation TO cm_verifier;
-- That an owner offers the workspace to a teammate, who has two days to take it.
CREATE TABLE ownership_transfer (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	from_user UUID NOT NULL, 
	to_user UUID NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	outcome VARCHAR(12), 
	settled_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_ownership_transfer PRIMARY KEY (tenant_id, id), 
	CONSTRAINT ck_ownership_transfer_outcome CHECK ((settled_at IS NULL) = (outcome IS NULL) AND outcome IN ('taken', 'declined', 'withdrawn', 'expired'))
);
CREATE UNIQUE INDEX uq_ownership_transfer_open ON ownership_transfer (tenant_id) WHERE settled_at IS NULL;
SELECT cm.guard('ownership_transfer');
GRANT SELECT, INSERT, UPDATE, DELETE ON ownership_transfer TO cm_app, cm_worker;
GRANT SELECT ON ownership_transfer TO cm_verifier;
-- That a caller had something done under a key of their choice: hashes, a status, and the id of what came of it.
CREATE TABLE performed_once (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	caller_id UUID NOT NULL, 
	key_hash BYTEA NOT NULL, 
	request_hash BYTEA NOT NULL, 
	status INTEGER NOT NULL, 
	target_id UUID, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_performed_once PRIMARY KEY (tenant_id, id), 
	CONSTRAINT uq_performed_once_tenant_id_caller_id_key_hash UNIQUE (tenant_id, caller_id, key_hash)
);
SELECT cm.guard('performed_once');
GRANT SELECT, INSERT, UPDATE, DELETE ON performed_once TO cm_app, cm_worker;
GRANT SELECT ON performed_once TO cm_verifier;
SELECT cm.keep_for('performed_once', 'created_at', 1);
-- A member may have a role that the workspace made. One owner each: the index refuses a second.
ALTER TABLE membership ADD COLUMN role_id UUID;
ALTER TABLE membership DROP CONSTRAINT ck_membership_role;
ALTER TABLE membership ADD CONSTRAINT ck_membership_role CHECK (role IN ('owner', 'admin', 'developer', 'teammate', 'billing', 'privacy', 'custom') AND (role = 'custom') = (role_id IS NOT NULL));
ALTER TABLE membership ADD CONSTRAINT fk_membership_tenant_id_role_id FOREIGN KEY(tenant_id, role_id) REFERENCES custom_role (tenant_id, id);
CREATE UNIQUE INDEX uq_membership_owner ON membership (tenant_id) WHERE role = 'owner';
