-- Versions of the policy: how people come to know, and no day of effect while they are being told.
ALTER TABLE policy_version ADD COLUMN published_at TIMESTAMP WITH TIME ZONE;
UPDATE policy_version SET published_at = effective_at;
ALTER TABLE policy_version ALTER COLUMN published_at SET DEFAULT now(), ALTER COLUMN published_at SET NOT NULL;
ALTER TABLE policy_version ADD COLUMN notice VARCHAR(8) NOT NULL DEFAULT 'laptop';
UPDATE policy_version SET notice = 'first' WHERE number = 1;
ALTER TABLE policy_version ADD COLUMN required_by VARCHAR(300);
ALTER TABLE policy_version ALTER COLUMN effective_at DROP NOT NULL;
ALTER TABLE policy_version ADD CONSTRAINT ck_policy_version_notice
  CHECK (notice IN ('first', 'told', 'minor', 'law', 'laptop'));
ALTER TABLE policy_version ADD CONSTRAINT ck_policy_version_required_by
  CHECK ((notice = 'law') = (required_by IS NOT NULL));
-- That one person was told of one version: by e-mail, or by the notice in the console where no e-mail reaches them.
CREATE TABLE policy_delivery (
	id UUID NOT NULL, 
	version_id UUID NOT NULL, 
	person_id UUID NOT NULL, 
	letter_id UUID NOT NULL, 
	way VARCHAR(8) NOT NULL, 
	delivered_at TIMESTAMP WITH TIME ZONE, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_policy_delivery PRIMARY KEY (id), 
	CONSTRAINT uq_policy_delivery_version_id_person_id UNIQUE (version_id, person_id), 
	CONSTRAINT ck_policy_delivery_way CHECK (way IN ('queued', 'email', 'console')), 
	CONSTRAINT ck_policy_delivery_delivered CHECK ((way = 'queued') = (delivered_at IS NULL))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON policy_delivery TO cm_app, cm_worker;
GRANT SELECT ON policy_delivery TO cm_verifier;
SELECT cm.keep_for('policy_delivery', 'created_at', 400);
