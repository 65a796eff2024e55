-- What narrows a key, who owns it, and which secret of it is the current one.
ALTER TABLE api_key
  ADD COLUMN scopes VARCHAR(40)[] DEFAULT '{}' NOT NULL,
  ADD COLUMN requests_per_minute INTEGER,
  ADD COLUMN tokens_per_minute INTEGER,
  ADD COLUMN models VARCHAR(200)[] DEFAULT '{}' NOT NULL,
  ADD COLUMN origins VARCHAR(200)[] DEFAULT '{}' NOT NULL,
  ADD COLUMN networks VARCHAR(50)[] DEFAULT '{}' NOT NULL,
  ADD COLUMN service_account_id UUID,
  ADD COLUMN serial INTEGER DEFAULT 1 NOT NULL,
  ADD COLUMN rotated_at TIMESTAMP WITH TIME ZONE;
-- Which key a hold belongs to, so that what it spends is counted when the hold is closed.
ALTER TABLE wallet_hold ADD COLUMN key_id UUID;
-- The month of the Indian calendar in which a request was begun, by the time inside its reference.
CREATE OR REPLACE FUNCTION cm.month(ref uuid) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT date_trunc('month', (cm.moment(ref) AT TIME ZONE 'UTC') + interval '330 minutes')::date
$$;
GRANT EXECUTE ON FUNCTION cm.month(uuid) TO cm_app, cm_worker, cm_verifier;
-- What a key has spent in one month of the Indian calendar, and holds for requests of it. `id` is the key's id.
CREATE TABLE key_spend (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	month_on DATE NOT NULL,
	spent_micro BIGINT NOT NULL,
	held_micro BIGINT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_key_spend PRIMARY KEY (tenant_id, id, month_on),
	CONSTRAINT ck_key_spend_spent CHECK (spent_micro >= 0),
	CONSTRAINT ck_key_spend_held CHECK (held_micro >= 0)
);
SELECT cm.guard('key_spend');
GRANT SELECT, INSERT, UPDATE, DELETE ON key_spend TO cm_app, cm_worker;
GRANT SELECT ON key_spend TO cm_verifier;
SELECT cm.keep_for('key_spend', 'created_at', 90);
-- A secret that a key had before, which may work on for a few days while programs change over.
CREATE TABLE retired_secret (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	key_id UUID NOT NULL,
	serial INTEGER NOT NULL,
	last_four VARCHAR(4) NOT NULL,
	secret_hash BYTEA NOT NULL,
	works_until TIMESTAMP WITH TIME ZONE NOT NULL,
	last_used_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_retired_secret PRIMARY KEY (tenant_id, id),
	CONSTRAINT uq_retired_secret_tenant_id_secret_hash UNIQUE (tenant_id, secret_hash)
);
CREATE INDEX ix_retired_secret_key_id ON retired_secret (tenant_id, key_id);
SELECT cm.guard('retired_secret');
GRANT SELECT, INSERT, UPDATE, DELETE ON retired_secret TO cm_app, cm_worker;
GRANT SELECT ON retired_secret TO cm_verifier;
SELECT cm.keep_for('retired_secret', 'works_until', 30);
-- A member that is no person: the keys it owns work on when whoever made them leaves.
CREATE TABLE service_account (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	name VARCHAR(80) NOT NULL,
	created_by UUID,
	closed_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_service_account PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX uq_service_account_name ON service_account (tenant_id, name) WHERE closed_at IS NULL;
SELECT cm.guard('service_account');
GRANT SELECT, INSERT, UPDATE, DELETE ON service_account TO cm_app, cm_worker;
GRANT SELECT ON service_account TO cm_verifier;
