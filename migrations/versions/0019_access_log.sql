-- The access log: who asked for what kind of thing, from where, when, and what came of it.
-- How often one caller asked for one kind of thing, with one outcome, in one minute. Never what was asked or answered. `at` is the minute. A route is written as it is declared, without the ids in it, so no entry says more than its columns do.
CREATE TABLE access_entry (
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	id UUID NOT NULL, 
	actor_kind VARCHAR(20) NOT NULL, 
	actor_id UUID, 
	method VARCHAR(10) NOT NULL, 
	route VARCHAR(120) NOT NULL, 
	status SMALLINT NOT NULL, 
	times INTEGER NOT NULL, 
	address_tag BYTEA NOT NULL, 
	day_id UUID NOT NULL, 
	address BYTEA NOT NULL, 
	CONSTRAINT pk_access_entry PRIMARY KEY (at, id)
);
CREATE INDEX ix_access_entry_actor_id ON access_entry (actor_id, at);
GRANT SELECT, INSERT ON access_entry TO cm_app, cm_worker;
GRANT SELECT ON access_entry TO cm_verifier;
SELECT cm.keep_for('access_entry', 'at', 366);
-- That a server's log is alive: when it was last written, and how many entries could not be kept. Gone once it has stopped.
CREATE TABLE access_log_pulse (
	node UUID NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	lost INTEGER NOT NULL, 
	CONSTRAINT pk_access_log_pulse PRIMARY KEY (node)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON access_log_pulse TO cm_app, cm_worker;
GRANT SELECT ON access_log_pulse TO cm_verifier;
SELECT cm.keep_for('access_log_pulse', 'at', 1);
