ALTER TABLE ceremony ADD COLUMN subject_index BYTEA;
ALTER TABLE sign_in_domain ADD COLUMN missed_from TIMESTAMP WITH TIME ZONE;
ALTER TABLE api_key ADD COLUMN rotated_by UUID;
ALTER TABLE security_alert ADD COLUMN about UUID;
