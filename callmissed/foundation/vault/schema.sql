-- The key plane: a small database of its own, never part of a data backup. Safe to repeat.
--
-- One row per data key: a random AES-256 key, wrapped by the tenant's epoch key, which is not in any database.
-- Deleting a row and then turning the epoch destroys the key in every copy: heap, WAL, replicas, old dumps.
CREATE TABLE IF NOT EXISTS data_key (
    id              uuid        PRIMARY KEY,
    tenant_id       uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    retention_class text        NOT NULL CHECK (length(retention_class) BETWEEN 1 AND 60),
    epoch           integer     NOT NULL CHECK (epoch > 0),
    wrapped         bytea       NOT NULL CHECK (length(wrapped) = 60),
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, person_id, retention_class)
) WITH (fillfactor = 50);
-- Half-filled pages let a re-wrap update rows in place, without touching the indexes.

CREATE INDEX IF NOT EXISTS data_key_person ON data_key (person_id);
