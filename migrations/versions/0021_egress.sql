-- Where this installation may connect to, and where it did.
-- A destination that was declared: by the operator's settings, or by whoever `declared_by` names. It outlives the last contact that it explains.
CREATE TABLE egress_destination (
	name VARCHAR(80) NOT NULL, 
	host VARCHAR(253) NOT NULL, 
	port INTEGER NOT NULL, 
	purpose VARCHAR(80) NOT NULL, 
	categories VARCHAR(200) NOT NULL, 
	region VARCHAR(10) NOT NULL, 
	declared_by VARCHAR(120) NOT NULL, 
	since TIMESTAMP WITH TIME ZONE NOT NULL, 
	last_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_egress_destination PRIMARY KEY (name, host, port)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON egress_destination TO cm_app, cm_worker;
GRANT SELECT ON egress_destination TO cm_verifier;
SELECT cm.keep_for('egress_destination', 'last_at', 120);
-- How often connections were made to one destination on one day, and how often one was refused.
CREATE TABLE egress_contact (
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	host VARCHAR(253) NOT NULL, 
	port INTEGER NOT NULL, 
	contacts INTEGER NOT NULL, 
	refused INTEGER NOT NULL, 
	CONSTRAINT pk_egress_contact PRIMARY KEY (at, host, port)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON egress_contact TO cm_app, cm_worker;
GRANT SELECT ON egress_contact TO cm_verifier;
SELECT cm.keep_for('egress_contact', 'at', 90);
