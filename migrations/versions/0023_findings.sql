-- That somebody answers for a difference between the policy and the law, by name and with a reason. It holds for the finding as it was: when policy or law change, `digest` is another and the finding is open again.
CREATE TABLE finding_acceptance (
	id UUID NOT NULL, 
	finding VARCHAR(40) NOT NULL, 
	digest VARCHAR(16) NOT NULL, 
	person_id UUID NOT NULL, 
	name BYTEA NOT NULL, 
	reason VARCHAR(500) NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_finding_acceptance PRIMARY KEY (id), 
	CONSTRAINT uq_finding_acceptance_finding_digest UNIQUE (finding, digest)
);
GRANT SELECT, INSERT ON finding_acceptance TO cm_app, cm_worker;
GRANT SELECT ON finding_acceptance TO cm_verifier;
CREATE OR REPLACE FUNCTION cm.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON finding_acceptance FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change();
