-- What suppliers counted, beside what was metered.
-- What was counted of one model on one day (UTC), by us and by its supplier; of an empty `model`, how asking for that day stands. A figure of theirs is empty where they do not tell it.
CREATE TABLE supplier_report (
	day_on DATE NOT NULL, 
	upstream VARCHAR(60) NOT NULL, 
	model VARCHAR(100) NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	problem VARCHAR(60), 
	ours_requests BIGINT NOT NULL, 
	ours_in BIGINT NOT NULL, 
	ours_out BIGINT NOT NULL, 
	theirs_requests BIGINT, 
	theirs_in BIGINT, 
	theirs_out BIGINT, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_supplier_report PRIMARY KEY (day_on, upstream, model)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON supplier_report TO cm_app, cm_worker;
GRANT SELECT ON supplier_report TO cm_verifier;
SELECT cm.keep_for('supplier_report', 'at', 366);
