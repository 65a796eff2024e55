-- What law makes us keep of something that was erased: encrypted for two custodians, and around that under a key of its own.
CREATE TABLE sealed_record (
	id UUID NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	data_class VARCHAR(24) NOT NULL, 
	law VARCHAR(200) NOT NULL, 
	citation TEXT NOT NULL, 
	commitment BYTEA NOT NULL, 
	salt BYTEA NOT NULL, 
	sealed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	destroy_on DATE NOT NULL, 
	blob BYTEA NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_sealed_record PRIMARY KEY (id), 
	CONSTRAINT ck_sealed_record_sealed CHECK (length(blob) > 45 AND get_byte(blob, 0) = 1)
);
CREATE INDEX ix_sealed_record_destroy_on ON sealed_record (destroy_on);
GRANT SELECT, INSERT ON sealed_record TO cm_app, cm_worker;
GRANT SELECT ON sealed_record TO cm_verifier;
REVOKE SELECT ON sealed_record FROM cm_app, cm_worker, cm_verifier;
GRANT SELECT (id, kind, data_class, law, citation, commitment, salt, sealed_at, destroy_on, created_at) ON sealed_record TO cm_app, cm_worker, cm_verifier;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON sealed_record FOR EACH STATEMENT EXECUTE FUNCTION cm.refuse_change();
CREATE OR REPLACE FUNCTION cm.destroy_sealed(records uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE removed bigint;
BEGIN
  DELETE FROM public.sealed_record s
  WHERE s.id = ANY (records) AND s.destroy_on <= (now() AT TIME ZONE 'Asia/Kolkata')::date;
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$;
REVOKE ALL ON FUNCTION cm.destroy_sealed(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.destroy_sealed(uuid[]) TO cm_app, cm_worker;
-- That a sealed record was asked for on somebody's order, and who agreed. The file holds what two custodians open.
CREATE TABLE sealed_release (
	id UUID NOT NULL, 
	record_id UUID NOT NULL, 
	ordered_by VARCHAR(120) NOT NULL, 
	reference VARCHAR(80) NOT NULL, 
	asked_by UUID NOT NULL, 
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	approved_by UUID, 
	approved_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_sealed_release PRIMARY KEY (id), 
	CONSTRAINT ck_sealed_release_authority CHECK (length(btrim(ordered_by)) >= 3 AND length(btrim(reference)) >= 3), 
	CONSTRAINT ck_sealed_release_two_persons CHECK (approved_by <> asked_by), 
	CONSTRAINT ck_sealed_release_approved CHECK ((approved_by IS NULL) = (approved_at IS NULL))
);
CREATE INDEX ix_sealed_release_record_id ON sealed_release (record_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON sealed_release TO cm_app, cm_worker;
GRANT SELECT ON sealed_release TO cm_verifier;
REVOKE DELETE ON sealed_release FROM cm_app, cm_worker;
CREATE OR REPLACE FUNCTION cm.refuse_agreed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.approved_at IS NOT NULL OR (NEW.id, NEW.record_id, NEW.asked_by, NEW.reference, NEW.ordered_by)
      IS DISTINCT FROM (OLD.id, OLD.record_id, OLD.asked_by, OLD.reference, OLD.ordered_by) THEN
    RAISE EXCEPTION 'what was asked, and what was agreed to, stands' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER agreed BEFORE UPDATE ON sealed_release FOR EACH ROW EXECUTE FUNCTION cm.refuse_agreed();
CREATE OR REPLACE FUNCTION cm.read_sealed(release uuid) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE found bytea;
BEGIN
  SELECT s.blob INTO found FROM public.sealed_release r JOIN public.sealed_record s ON s.id = r.record_id
  WHERE r.id = release AND r.approved_by IS NOT NULL AND r.approved_by <> r.asked_by AND r.approved_at IS NOT NULL
    AND s.destroy_on > (now() AT TIME ZONE 'Asia/Kolkata')::date;
  IF found IS NULL THEN
    RAISE EXCEPTION 'two people have not agreed to this release' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN found;
END $$;
REVOKE ALL ON FUNCTION cm.read_sealed(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cm.read_sealed(uuid) TO cm_app, cm_worker;
