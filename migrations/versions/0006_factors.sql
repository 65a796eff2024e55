-- Constant defaults: no table is rewritten, and the code of the last release goes on writing these tables.
ALTER TABLE session ADD COLUMN methods VARCHAR(12)[] DEFAULT '{}' NOT NULL;
ALTER TABLE sign_in_code ADD COLUMN provider VARCHAR(40);
ALTER TABLE sign_in_code ADD COLUMN subject_index BYTEA;
ALTER TABLE sign_in_code ADD COLUMN full_name BYTEA;
ALTER TABLE tenant ADD COLUMN requires_second_factor BOOLEAN DEFAULT false NOT NULL;
-- A key pair in a person's device. We hold its public half, which opens nothing (WebAuthn Level 3 §4).
CREATE TABLE passkey (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	name BYTEA NOT NULL, 
	credential_id BYTEA NOT NULL, 
	public_key BYTEA NOT NULL, 
	sign_count BIGINT NOT NULL, 
	transports VARCHAR(20)[] NOT NULL, 
	is_synced BOOLEAN NOT NULL, 
	last_used_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_passkey PRIMARY KEY (id), 
	CONSTRAINT uq_passkey_credential_id UNIQUE (credential_id)
);
CREATE INDEX ix_passkey_user_id ON passkey (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON passkey TO cm_app, cm_worker;
GRANT SELECT ON passkey TO cm_verifier;
-- A question put to a browser: prove a passkey, a second factor, or come back from a provider. Answered once.
CREATE TABLE ceremony (
	id UUID NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	ticket_hash BYTEA NOT NULL, 
	browser_hash BYTEA NOT NULL, 
	user_id UUID, 
	methods VARCHAR(12)[] NOT NULL, 
	provider VARCHAR(40), 
	onward VARCHAR(500) NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	consumed_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_ceremony PRIMARY KEY (id), 
	CONSTRAINT uq_ceremony_ticket_hash UNIQUE (ticket_hash), 
	CONSTRAINT ck_ceremony_kind CHECK (kind IN ('passkey.add', 'passkey.sign_in', 'second', 'provider.sign_in', 'provider.link'))
);
CREATE INDEX ix_ceremony_expires_at ON ceremony (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON ceremony TO cm_app, cm_worker;
GRANT SELECT ON ceremony TO cm_verifier;
SELECT cm.keep_for('ceremony', 'expires_at', 1);
-- An app that shows codes (RFC 6238). Its secret has to be readable to us, so it is sealed under the person's key.
CREATE TABLE totp_factor (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	name BYTEA NOT NULL, 
	secret BYTEA NOT NULL, 
	drift_steps INTEGER NOT NULL, 
	last_step BIGINT, 
	stray_step BIGINT, 
	confirmed_at TIMESTAMP WITH TIME ZONE, 
	last_used_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_totp_factor PRIMARY KEY (id)
);
CREATE INDEX ix_totp_factor_user_id ON totp_factor (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON totp_factor TO cm_app, cm_worker;
GRANT SELECT ON totp_factor TO cm_verifier;
-- A code on paper that stands in for a lost device, once. Kept as a keyed hash only.
CREATE TABLE recovery_code (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	code_hash BYTEA NOT NULL, 
	used_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_recovery_code PRIMARY KEY (id), 
	CONSTRAINT uq_recovery_code_user_id_code_hash UNIQUE (user_id, code_hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON recovery_code TO cm_app, cm_worker;
GRANT SELECT ON recovery_code TO cm_verifier;
-- That an account is a certain subject at a provider. Of what the provider says, nothing else is kept (Policy §1).
CREATE TABLE linked_identity (
	id UUID NOT NULL, 
	user_id UUID NOT NULL, 
	provider VARCHAR(40) NOT NULL, 
	subject_index BYTEA NOT NULL, 
	email BYTEA NOT NULL, 
	last_used_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_linked_identity PRIMARY KEY (id), 
	CONSTRAINT uq_linked_identity_provider_subject_index UNIQUE (provider, subject_index)
);
CREATE INDEX ix_linked_identity_user_id ON linked_identity (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON linked_identity TO cm_app, cm_worker;
GRANT SELECT ON linked_identity TO cm_verifier;
-- An e-mail domain whose people sign in through the workspace's provider, once the workspace has proven it is theirs.
CREATE TABLE sign_in_domain (
	tenant_id UUID NOT NULL, 
	id UUID NOT NULL, 
	domain VARCHAR(253) NOT NULL, 
	provider VARCHAR(40) NOT NULL, 
	proof VARCHAR(80) NOT NULL, 
	asked_at TIMESTAMP WITH TIME ZONE, 
	verified_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_sign_in_domain PRIMARY KEY (tenant_id, id), 
	CONSTRAINT uq_sign_in_domain_tenant_id_domain UNIQUE (tenant_id, domain)
);
SELECT cm.guard('sign_in_domain');
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_domain TO cm_app, cm_worker;
GRANT SELECT ON sign_in_domain TO cm_verifier;
