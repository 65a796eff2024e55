-- The reminder of one quarter: that everybody with an account was told again what applies (IT Rules 2021, rule 3(1)(c)).
CREATE TABLE policy_reminder (
	id UUID NOT NULL, 
	quarter VARCHAR(7) NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_policy_reminder PRIMARY KEY (id), 
	CONSTRAINT uq_policy_reminder_quarter UNIQUE (quarter)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON policy_reminder TO cm_app, cm_worker;
GRANT SELECT ON policy_reminder TO cm_verifier;
