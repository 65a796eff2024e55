CREATE SCHEMA IF NOT EXISTS cm;
GRANT USAGE ON SCHEMA cm TO cm_app, cm_worker, cm_verifier, cm_search;

-- The tenant of this transaction; NULL when none is set, and then no row is visible.
CREATE OR REPLACE FUNCTION cm.tenant() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;

-- Row security does not reach partitions through their parent: each gets its own, and no role gets a grant on it.
CREATE OR REPLACE FUNCTION cm.guard(relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
  EXECUTE format('CREATE POLICY tenant_isolation ON %s TO cm_app, cm_worker '
                 'USING (tenant_id = cm.tenant()) WITH CHECK (tenant_id = cm.tenant())', relation);
  EXECUTE format('CREATE POLICY verifier_reads ON %s FOR SELECT TO cm_verifier USING (true)', relation);
END $$;
REVOKE ALL ON FUNCTION cm.guard(regclass) FROM PUBLIC;

-- Monthly partitions of one table: from the current month until so many months ahead. Safe to repeat and to race.
CREATE OR REPLACE FUNCTION cm.ensure_partitions(parent regclass, from_month date, months int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_catalog, pg_temp AS $$
DECLARE
  month date; child text; made int := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = parent) THEN
    RAISE EXCEPTION '% is not partitioned', parent;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('cm.ensure_partitions'));
  FOR i IN 0..least(months, 36) LOOP
    month := date_trunc('month', from_month) + make_interval(months => i);
    child := (SELECT relname FROM pg_class WHERE oid = parent) || to_char(month, '_YYYYMM');
    CONTINUE WHEN to_regclass(format('public.%I', child)) IS NOT NULL;
    EXECUTE format('CREATE TABLE public.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', child, parent,
                   month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    PERFORM cm.guard(format('public.%I', child)::regclass);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION cm.ensure_partitions(regclass, date, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.ensure_partitions(regclass, date, int) TO cm_app, cm_worker;

-- How many days each table is kept, as the data map says. No role but the owner reads or writes it.
CREATE TABLE IF NOT EXISTS cm.keeping (
  relation regclass PRIMARY KEY,
  anchor name NOT NULL,
  days int NOT NULL CHECK (days > 0)
);

-- Enter a table; where it has row security, its owner comes to see what is past its days, and nothing else.
CREATE OR REPLACE FUNCTION cm.keep_for(relation regclass, anchor name, days int) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO cm.keeping VALUES (relation, anchor, days);
  IF (SELECT relrowsecurity FROM pg_class WHERE oid = relation) THEN
    EXECUTE format('CREATE POLICY expiry ON %s TO cm_owner USING (%I < now() - make_interval(days => %s)) '
                   'WITH CHECK (false)', relation, anchor, days);
  END IF;
END $$;
REVOKE ALL ON FUNCTION cm.keep_for(regclass, name, int) FROM PUBLIC;

-- Remove the rows of one table that are past its days, and its partitions that ended before that. The caller names the
-- table; the period is the one that was entered for it, by the clock of the database.
CREATE OR REPLACE FUNCTION cm.expire(relation regclass) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
  kept cm.keeping; cutoff timestamptz; removed bigint; child regclass;
BEGIN
  SELECT * INTO kept FROM cm.keeping k WHERE k.relation = expire.relation;
  IF NOT FOUND THEN
    RAISE EXCEPTION '% is not kept for a number of days', relation;
  END IF;
  cutoff := now() - make_interval(days => kept.days);
  EXECUTE format('DELETE FROM %s WHERE %I < %L', relation, kept.anchor, cutoff);
  GET DIAGNOSTICS removed = ROW_COUNT;
  FOR child IN
    SELECT c.oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = relation AND c.relispartition AND c.relname ~ '_[0-9]{6}$'
      AND (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' <= cutoff
  LOOP
    EXECUTE format('DROP TABLE %s', child);
  END LOOP;
  RETURN removed;
END $$;
REVOKE ALL ON FUNCTION cm.expire(regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.expire(regclass) TO cm_app, cm_worker;

-- A secret that calls /v1 for a tenant. Shown once; kept as a keyed hash only.
CREATE TABLE api_key (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	name VARCHAR(80) NOT NULL,
	last_four VARCHAR(4) NOT NULL,
	secret_hash BYTEA NOT NULL,
	permissions VARCHAR(20)[] NOT NULL,
	monthly_budget BIGINT,
	created_by UUID,
	expires_at TIMESTAMP WITH TIME ZONE,
	last_used_at TIMESTAMP WITH TIME ZONE,
	revoked_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_api_key PRIMARY KEY (tenant_id, id),
	CONSTRAINT uq_api_key_tenant_id_secret_hash UNIQUE (tenant_id, secret_hash)
);
SELECT cm.guard('api_key');
GRANT SELECT, INSERT, UPDATE, DELETE ON api_key TO cm_app, cm_worker;
GRANT SELECT ON api_key TO cm_verifier;
-- What the log said of itself at one moment, signed.
CREATE TABLE audit_checkpoint (
	size BIGINT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	root BYTEA NOT NULL,
	frontier BYTEA NOT NULL,
	key_id BYTEA NOT NULL,
	note TEXT NOT NULL,
	CONSTRAINT pk_audit_checkpoint PRIMARY KEY (size)
);
GRANT SELECT, INSERT ON audit_checkpoint TO cm_app, cm_worker;
GRANT SELECT ON audit_checkpoint TO cm_verifier;
CREATE OR REPLACE FUNCTION cm.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change();
-- One change of state: who did what to which thing, written in the transaction that did it.
CREATE TABLE audit_leaf (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	actor_kind VARCHAR(20) NOT NULL,
	actor_id UUID,
	action VARCHAR(100) NOT NULL,
	subject BYTEA,
	subject_salt BYTEA,
	target_id UUID,
	body JSONB NOT NULL,
	digest BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_audit_leaf PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ix_audit_leaf_subject_key ON audit_leaf (tenant_id, substring(subject_salt, 2, 16));
CREATE INDEX ix_audit_leaf_target_id ON audit_leaf (tenant_id, target_id);
SELECT cm.guard('audit_leaf');
GRANT SELECT, INSERT ON audit_leaf TO cm_app, cm_worker;
GRANT SELECT ON audit_leaf TO cm_verifier;
CREATE OR REPLACE FUNCTION cm.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_leaf FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change();
-- A leaf that waits for its place in the tree; gone once it has one.
CREATE TABLE audit_pending (
	leaf_id UUID NOT NULL,
	leaf_tenant UUID NOT NULL,
	digest BYTEA NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_audit_pending PRIMARY KEY (leaf_id)
);
GRANT SELECT, INSERT ON audit_pending TO cm_app, cm_worker;
GRANT SELECT ON audit_pending TO cm_verifier;
GRANT DELETE ON audit_pending TO cm_app, cm_worker;
-- The place of a leaf in the one tree of the installation, and its running number within its tenant.
CREATE TABLE audit_position (
	position BIGINT NOT NULL,
	leaf_tenant UUID NOT NULL,
	sequence BIGINT NOT NULL,
	leaf_id UUID NOT NULL,
	digest BYTEA NOT NULL,
	CONSTRAINT pk_audit_position PRIMARY KEY (position),
	CONSTRAINT uq_audit_position_leaf_tenant_sequence UNIQUE (leaf_tenant, sequence),
	CONSTRAINT uq_audit_position_leaf_id UNIQUE (leaf_id)
);
GRANT SELECT, INSERT ON audit_position TO cm_app, cm_worker;
GRANT SELECT ON audit_position TO cm_verifier;
CREATE OR REPLACE FUNCTION cm.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_position FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change();
-- An assistant of a tenant: how it greets, what it answers with, and where it may be shown.
CREATE TABLE bot (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	name VARCHAR(80) NOT NULL,
	tagline VARCHAR(120) NOT NULL,
	greeting VARCHAR(500) NOT NULL,
	languages JSONB NOT NULL,
	model VARCHAR(120) NOT NULL,
	instructions TEXT NOT NULL,
	state VARCHAR(8) NOT NULL,
	widget_id VARCHAR(24) NOT NULL,
	allowed_origins JSONB NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_bot PRIMARY KEY (tenant_id, id),
	CONSTRAINT uq_bot_tenant_id_widget_id UNIQUE (tenant_id, widget_id)
);
SELECT cm.guard('bot');
GRANT SELECT, INSERT, UPDATE, DELETE ON bot TO cm_app, cm_worker;
GRANT SELECT ON bot TO cm_verifier;
-- A customer of a tenant: someone who wrote or called. Their data is sealed under their own key.
CREATE TABLE contact (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	display_name BYTEA,
	language VARCHAR(16) NOT NULL,
	first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_contact PRIMARY KEY (tenant_id, id)
);
SELECT cm.guard('contact');
GRANT SELECT, INSERT, UPDATE, DELETE ON contact TO cm_app, cm_worker;
GRANT SELECT ON contact TO cm_verifier;
-- One look-up: under this kind and value, that thing of that tenant.
CREATE TABLE directory_entry (
	kind VARCHAR(40) NOT NULL,
	lookup VARCHAR(100) NOT NULL,
	tenant_id UUID NOT NULL,
	target_id UUID NOT NULL,
	CONSTRAINT pk_directory_entry PRIMARY KEY (kind, lookup, tenant_id, target_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON directory_entry TO cm_app, cm_worker;
GRANT SELECT ON directory_entry TO cm_verifier;
-- One document that a tenant published to its bots: a pasted text or an uploaded file.
CREATE TABLE knowledge_source (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	title VARCHAR(200) NOT NULL,
	kind VARCHAR(10) NOT NULL,
	language VARCHAR(12) NOT NULL,
	state VARCHAR(8) NOT NULL,
	problem VARCHAR(40),
	characters INTEGER NOT NULL,
	passages INTEGER NOT NULL,
	checksum BYTEA NOT NULL,
	created_by UUID,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_knowledge_source PRIMARY KEY (tenant_id, id),
	CONSTRAINT uq_knowledge_source_tenant_id_checksum UNIQUE (tenant_id, checksum)
);
SELECT cm.guard('knowledge_source');
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_source TO cm_app, cm_worker;
GRANT SELECT ON knowledge_source TO cm_verifier;
-- One transfer: an amount from one account to another, never changed. A reference occurs once per kind.
CREATE TABLE ledger_entry (
	tenant_id UUID NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	id UUID NOT NULL,
	debit VARCHAR(20) NOT NULL,
	credit VARCHAR(20) NOT NULL,
	amount_micro BIGINT NOT NULL,
	kind VARCHAR(20) NOT NULL,
	ref UUID NOT NULL,
	CONSTRAINT pk_ledger_entry PRIMARY KEY (tenant_id, at, id),
	CONSTRAINT uq_ledger_entry_ref_kind UNIQUE (tenant_id, at, ref, kind),
	CONSTRAINT ck_ledger_entry_amount CHECK (amount_micro > 0),
	CONSTRAINT ck_ledger_entry_accounts CHECK (debit <> credit)
)
 PARTITION BY RANGE (at);
SELECT cm.guard('ledger_entry');
GRANT SELECT, INSERT ON ledger_entry TO cm_app, cm_worker;
GRANT SELECT ON ledger_entry TO cm_verifier;
-- The time inside a UUIDv7 (RFC 9562 §5.7). It makes the partition key a function of the reference, and with that the unique
-- constraint of a partitioned table unique by reference alone.
CREATE OR REPLACE FUNCTION cm.moment(ref uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT to_timestamp((
    (get_byte(uuid_send(ref), 0)::bigint << 40) | (get_byte(uuid_send(ref), 1)::bigint << 32)
    | (get_byte(uuid_send(ref), 2)::bigint << 24) | (get_byte(uuid_send(ref), 3)::bigint << 16)
    | (get_byte(uuid_send(ref), 4)::bigint << 8) | get_byte(uuid_send(ref), 5)::bigint) / 1000.0)
$$;
GRANT EXECUTE ON FUNCTION cm.moment(uuid) TO cm_app, cm_worker, cm_verifier;
ALTER TABLE ledger_entry ADD CONSTRAINT ck_ledger_entry_moment CHECK (at = cm.moment(ref));
SELECT cm.ensure_partitions('ledger_entry', CURRENT_DATE, 3);
-- A letter to one person: queued, then sent, kept in the outbox, or failed.
CREATE TABLE mail_message (
	id UUID NOT NULL,
	person_id UUID NOT NULL,
	template VARCHAR(80) NOT NULL,
	language VARCHAR(16) NOT NULL,
	recipient BYTEA NOT NULL,
	body BYTEA,
	state VARCHAR(8) NOT NULL,
	attempts INTEGER NOT NULL,
	failure VARCHAR(80),
	send_before TIMESTAMP WITH TIME ZONE,
	settled_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_mail_message PRIMARY KEY (id),
	CONSTRAINT ck_mail_message_state CHECK (state IN ('queued', 'sent', 'outbox', 'failed'))
);
CREATE INDEX ix_mail_message_created_at ON mail_message (created_at);
CREATE INDEX ix_mail_message_person_id ON mail_message (person_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON mail_message TO cm_app, cm_worker;
GRANT SELECT ON mail_message TO cm_verifier;
SELECT cm.keep_for('mail_message', 'created_at', 30);
-- That a user works in a tenant, in a role.
CREATE TABLE membership (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	user_id UUID NOT NULL,
	role VARCHAR(16) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_membership PRIMARY KEY (tenant_id, id),
	CONSTRAINT uq_membership_tenant_id_user_id UNIQUE (tenant_id, user_id),
	CONSTRAINT ck_membership_role CHECK (role IN ('owner', 'admin', 'developer', 'teammate', 'billing'))
);
SELECT cm.guard('membership');
GRANT SELECT, INSERT, UPDATE, DELETE ON membership TO cm_app, cm_worker;
GRANT SELECT ON membership TO cm_verifier;
-- One version of the policy: everything it says, its fingerprint, and the day it takes effect.
CREATE TABLE policy_version (
	id UUID NOT NULL,
	number INTEGER NOT NULL,
	digest VARCHAR(64) NOT NULL,
	text JSONB NOT NULL,
	effective_at TIMESTAMP WITH TIME ZONE NOT NULL,
	summary VARCHAR(1000) NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_policy_version PRIMARY KEY (id),
	CONSTRAINT uq_policy_version_number UNIQUE (number)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON policy_version TO cm_app, cm_worker;
GRANT SELECT ON policy_version TO cm_verifier;
-- The worst verdict of a promise on one day in India: a dot of its year.
CREATE TABLE promise_day (
	id UUID NOT NULL,
	promise VARCHAR(60) NOT NULL,
	day DATE NOT NULL,
	verdict VARCHAR(10) NOT NULL,
	checks INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_promise_day PRIMARY KEY (id),
	CONSTRAINT uq_promise_day_promise_day UNIQUE (promise, day)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON promise_day TO cm_app, cm_worker;
GRANT SELECT ON promise_day TO cm_verifier;
SELECT cm.keep_for('promise_day', 'created_at', 400);
-- The latest finding of each promise's check, with its evidence.
CREATE TABLE promise_verdict (
	id UUID NOT NULL,
	promise VARCHAR(60) NOT NULL,
	verdict VARCHAR(10) NOT NULL,
	headline VARCHAR(400) NOT NULL,
	figures JSONB NOT NULL,
	evidence JSONB NOT NULL,
	checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	leaf_id UUID NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_promise_verdict PRIMARY KEY (id),
	CONSTRAINT uq_promise_verdict_promise UNIQUE (promise)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON promise_verdict TO cm_app, cm_worker;
GRANT SELECT ON promise_verdict TO cm_verifier;
-- A browser that is signed in. What it holds is kept as a keyed hash only.
CREATE TABLE session (
	id UUID NOT NULL,
	token_hash BYTEA NOT NULL,
	user_id UUID NOT NULL,
	tenant_id UUID,
	device BYTEA,
	last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	revoked_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_session PRIMARY KEY (id),
	CONSTRAINT uq_session_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_session_user_id ON session (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON session TO cm_app, cm_worker;
GRANT SELECT ON session TO cm_verifier;
SELECT cm.keep_for('session', 'expires_at', 30);
-- A code sent to an e-mail address. Whose it is, is not looked up before it is redeemed; it has a key of its own.
CREATE TABLE sign_in_code (
	id UUID NOT NULL,
	token_hash BYTEA NOT NULL,
	code_hash BYTEA NOT NULL,
	address BYTEA NOT NULL,
	email_index BYTEA NOT NULL,
	language VARCHAR(16) NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	consumed_at TIMESTAMP WITH TIME ZONE,
	replaced_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_sign_in_code PRIMARY KEY (id),
	CONSTRAINT uq_sign_in_code_token_hash UNIQUE (token_hash)
);
CREATE INDEX ix_sign_in_code_email_index ON sign_in_code (email_index);
CREATE INDEX ix_sign_in_code_expires_at ON sign_in_code (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_code TO cm_app, cm_worker;
GRANT SELECT ON sign_in_code TO cm_verifier;
SELECT cm.keep_for('sign_in_code', 'expires_at', 1);
-- How often something happened lately under an e-mail address or from a network address, and until when it is closed.
CREATE TABLE sign_in_counter (
	kind VARCHAR(24) NOT NULL,
	subject BYTEA NOT NULL,
	tries INTEGER NOT NULL,
	counted_from TIMESTAMP WITH TIME ZONE NOT NULL,
	locked_until TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_sign_in_counter PRIMARY KEY (kind, subject)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_counter TO cm_app, cm_worker;
GRANT SELECT ON sign_in_counter TO cm_verifier;
SELECT cm.keep_for('sign_in_counter', 'counted_from', 1);
-- Words of an invented person, sealed like anybody's. If they are readable on disk, so is everybody.
CREATE TABLE store_canary (
	id UUID NOT NULL,
	person_id UUID NOT NULL,
	words BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_store_canary PRIMARY KEY (id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON store_canary TO cm_app, cm_worker;
GRANT SELECT ON store_canary TO cm_verifier;
-- An organisation and its workspace.
CREATE TABLE tenant (
	id UUID NOT NULL,
	name VARCHAR(120) NOT NULL,
	slug VARCHAR(60) NOT NULL,
	state VARCHAR(12) NOT NULL,
	plan VARCHAR(40) NOT NULL,
	closed_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_tenant PRIMARY KEY (id),
	CONSTRAINT uq_tenant_slug UNIQUE (slug),
	CONSTRAINT ck_tenant_state CHECK (state IN ('active', 'closed'))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant TO cm_app, cm_worker;
GRANT SELECT ON tenant TO cm_verifier;
-- One request that was answered or failed: figures about it, never its content. `id` is the request's reference.
CREATE TABLE usage_record (
	tenant_id UUID NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	id UUID NOT NULL,
	key_id UUID,
	bot_id UUID,
	conversation_id UUID,
	endpoint VARCHAR(40) NOT NULL,
	model VARCHAR(100) NOT NULL,
	upstream VARCHAR(60) NOT NULL,
	region VARCHAR(40) NOT NULL,
	may_train BOOLEAN NOT NULL,
	tokens_in INTEGER NOT NULL,
	tokens_out INTEGER NOT NULL,
	counted_by VARCHAR(12) NOT NULL,
	admit_us INTEGER NOT NULL,
	reserve_us INTEGER NOT NULL,
	first_token_ms INTEGER,
	latency_ms INTEGER NOT NULL,
	price_in_micro BIGINT NOT NULL,
	price_out_micro BIGINT NOT NULL,
	price_micro BIGINT NOT NULL,
	status VARCHAR(12) NOT NULL,
	http_status SMALLINT NOT NULL,
	problem VARCHAR(60),
	streamed BOOLEAN NOT NULL,
	CONSTRAINT pk_usage_record PRIMARY KEY (tenant_id, at, id),
	CONSTRAINT ck_usage_record_price CHECK (price_micro >= 0)
)
 PARTITION BY RANGE (at);
SELECT cm.guard('usage_record');
GRANT SELECT, INSERT ON usage_record TO cm_app, cm_worker;
GRANT SELECT ON usage_record TO cm_verifier;
SELECT cm.keep_for('usage_record', 'at', 90);
SELECT cm.ensure_partitions('usage_record', CURRENT_DATE, 3);
-- A person with an account. Readable parts are sealed under their own key.
CREATE TABLE user_account (
	id UUID NOT NULL,
	full_name BYTEA,
	email BYTEA NOT NULL,
	email_index BYTEA NOT NULL,
	phone BYTEA,
	language VARCHAR(16) NOT NULL,
	adult_declared_at TIMESTAMP WITH TIME ZONE,
	deactivated_at TIMESTAMP WITH TIME ZONE,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_user_account PRIMARY KEY (id),
	CONSTRAINT uq_user_account_email_index UNIQUE (email_index)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON user_account TO cm_app, cm_worker;
GRANT SELECT ON user_account TO cm_verifier;
-- A tenant's money with us. `id` is the tenant's own id: there is one each. Available is balance less held.
CREATE TABLE wallet (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	balance_micro BIGINT NOT NULL,
	held_micro BIGINT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_wallet PRIMARY KEY (tenant_id, id),
	CONSTRAINT ck_wallet_balance CHECK (balance_micro >= 0),
	CONSTRAINT ck_wallet_held CHECK (held_micro >= 0 AND held_micro <= balance_micro)
);
SELECT cm.guard('wallet');
GRANT SELECT, INSERT, UPDATE, DELETE ON wallet TO cm_app, cm_worker;
GRANT SELECT ON wallet TO cm_verifier;
-- Money set aside for one request under way. `id` is the request's reference; settling removes the row.
CREATE TABLE wallet_hold (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	amount_micro BIGINT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_wallet_hold PRIMARY KEY (tenant_id, id),
	CONSTRAINT ck_wallet_hold_amount CHECK (amount_micro > 0)
);
SELECT cm.guard('wallet_hold');
GRANT SELECT, INSERT, UPDATE, DELETE ON wallet_hold TO cm_app, cm_worker;
GRANT SELECT ON wallet_hold TO cm_verifier;
-- A source that a bot may answer from.
CREATE TABLE bot_knowledge (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	bot_id UUID NOT NULL,
	source_id UUID NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_bot_knowledge PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_bot_knowledge_tenant_id_bot_id FOREIGN KEY(tenant_id, bot_id) REFERENCES bot (tenant_id, id),
	CONSTRAINT uq_bot_knowledge_tenant_id_bot_id_source_id UNIQUE (tenant_id, bot_id, source_id)
);
SELECT cm.guard('bot_knowledge');
GRANT SELECT, INSERT, UPDATE, DELETE ON bot_knowledge TO cm_app, cm_worker;
GRANT SELECT ON bot_knowledge TO cm_verifier;
-- An address of a contact: the random id of a web visitor, a phone number, an e-mail address, a WhatsApp id.
CREATE TABLE contact_handle (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	contact_id UUID NOT NULL,
	kind VARCHAR(16) NOT NULL,
	value BYTEA NOT NULL,
	value_index BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_contact_handle PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_contact_handle_tenant_id_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES contact (tenant_id, id),
	CONSTRAINT uq_contact_handle_tenant_id_kind_value_index UNIQUE (tenant_id, kind, value_index)
);
CREATE INDEX ix_contact_handle_contact ON contact_handle (tenant_id, contact_id);
SELECT cm.guard('contact_handle');
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_handle TO cm_app, cm_worker;
GRANT SELECT ON contact_handle TO cm_verifier;
-- One thread with a contact on one channel, and who has it now: the bot, nobody yet, or a teammate.
CREATE TABLE conversation (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	contact_id UUID NOT NULL,
	channel VARCHAR(16) NOT NULL,
	bot_id UUID NOT NULL,
	state VARCHAR(16) NOT NULL,
	waiting_reason VARCHAR(32),
	waiting_since TIMESTAMP WITH TIME ZONE,
	assigned_user_id UUID,
	last_message_at TIMESTAMP WITH TIME ZONE NOT NULL,
	last_ordinal INTEGER NOT NULL,
	unread INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_conversation PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_conversation_tenant_id_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES contact (tenant_id, id)
);
CREATE INDEX ix_conversation_contact ON conversation (tenant_id, contact_id);
CREATE INDEX ix_conversation_state ON conversation (tenant_id, state, last_message_at);
SELECT cm.guard('conversation');
GRANT SELECT, INSERT, UPDATE, DELETE ON conversation TO cm_app, cm_worker;
GRANT SELECT ON conversation TO cm_verifier;
-- A piece of a source that can be found and cited: 60 to 120 words under one heading.
CREATE TABLE knowledge_passage (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	source_id UUID NOT NULL,
	ordinal INTEGER NOT NULL,
	heading TEXT NOT NULL,
	locator TEXT NOT NULL,
	text TEXT NOT NULL,
	language VARCHAR(12) NOT NULL,
	search_config VARCHAR(20) NOT NULL,
	tsv TSVECTOR NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_knowledge_passage PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_knowledge_passage_tenant_id_source_id FOREIGN KEY(tenant_id, source_id) REFERENCES knowledge_source (tenant_id, id) ON DELETE CASCADE,
	CONSTRAINT uq_knowledge_passage_tenant_id_source_id_ordinal UNIQUE (tenant_id, source_id, ordinal)
);
SELECT cm.guard('knowledge_passage');
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge_passage TO cm_app, cm_worker;
GRANT SELECT ON knowledge_passage TO cm_verifier;
-- A visitor's token for one bot: only its keyed hash is kept.
CREATE TABLE visitor_session (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	contact_id UUID NOT NULL,
	bot_id UUID NOT NULL,
	token_hash BYTEA NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_visitor_session PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_visitor_session_tenant_id_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES contact (tenant_id, id),
	CONSTRAINT uq_visitor_session_tenant_id_token_hash UNIQUE (tenant_id, token_hash)
);
CREATE INDEX ix_visitor_session_contact ON visitor_session (tenant_id, contact_id);
CREATE INDEX ix_visitor_session_expires ON visitor_session (tenant_id, expires_at);
SELECT cm.guard('visitor_session');
GRANT SELECT, INSERT, UPDATE, DELETE ON visitor_session TO cm_app, cm_worker;
GRANT SELECT ON visitor_session TO cm_verifier;
SELECT cm.keep_for('visitor_session', 'expires_at', 1);
-- One thing said in a conversation, or one thing that happened in it (then `event` says what, and nobody said it).
CREATE TABLE message (
	tenant_id UUID NOT NULL,
	id UUID NOT NULL,
	conversation_id UUID NOT NULL,
	contact_id UUID NOT NULL,
	ordinal INTEGER NOT NULL,
	author VARCHAR(16) NOT NULL,
	author_id UUID,
	client_ref VARCHAR(64),
	event VARCHAR(32),
	reason VARCHAR(32),
	body BYTEA,
	language VARCHAR(16),
	citations JSONB NOT NULL,
	price_micro BIGINT NOT NULL,
	usage_ref UUID,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_message PRIMARY KEY (tenant_id, id),
	CONSTRAINT fk_message_tenant_id_conversation_id FOREIGN KEY(tenant_id, conversation_id) REFERENCES conversation (tenant_id, id),
	CONSTRAINT uq_message_tenant_id_conversation_id_ordinal UNIQUE (tenant_id, conversation_id, ordinal),
	CONSTRAINT uq_message_tenant_id_conversation_id_client_ref UNIQUE (tenant_id, conversation_id, client_ref)
);
CREATE INDEX ix_message_contact ON message (tenant_id, contact_id);
SELECT cm.guard('message');
GRANT SELECT, INSERT, UPDATE, DELETE ON message TO cm_app, cm_worker;
GRANT SELECT ON message TO cm_verifier;
