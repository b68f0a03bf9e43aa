-- The log: evidence in final bytes, the order in which it stands in the tree, and the tree's hashes and heads.
-- A hub writes one log; where that can no longer be continued, a successor with the next number begins.

-- Evidence staged by the business transaction, one group for each. Where it stands in the log is in log_run.
CREATE TABLE log_entry (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id uuid NOT NULL,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    body bytea NOT NULL CHECK (length(body) <= 4096),
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32)
);
-- The chain of evidence of one notice is read by its subjects.
CREATE INDEX log_entry_of_subject ON log_entry (subject_id);

-- The entries first_seq, first_seq + 1, … are the leaves first_index, first_index + 1, …: n of them.
CREATE TABLE log_run (
    log bigint NOT NULL CHECK (log >= 1),
    first_index bigint NOT NULL CHECK (first_index >= 0),
    first_seq bigint NOT NULL UNIQUE,
    n bigint NOT NULL CHECK (n >= 1),
    PRIMARY KEY (log, first_index)
);

-- Full tiles alone (C2SP tlog-tiles): 256 hashes, and the root over them, which is a hash of the level above.
CREATE TABLE log_tile (
    log bigint NOT NULL,
    level bigint NOT NULL CHECK (level BETWEEN 0 AND 7),
    number bigint NOT NULL CHECK (number >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    hashes bytea NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (log, level, number)
);

-- The head after each batch. None but these is ever signed.
CREATE TABLE log_batch (
    log bigint NOT NULL,
    size bigint NOT NULL CHECK (size >= 1),
    root bytea NOT NULL CHECK (length(root) = 32),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (log, size)
);

-- A head as it was signed and published.
CREATE TABLE log_checkpoint (
    log bigint NOT NULL,
    size bigint NOT NULL,
    note text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (log, size),
    FOREIGN KEY (log, size) REFERENCES log_batch
);

-- With which checkpoint a fan-out's notices go out: the first that covers its entry.
CREATE TABLE log_seal (
    fanout_id uuid PRIMARY KEY REFERENCES fanout,
    log bigint NOT NULL,
    entry_index bigint NOT NULL,
    size bigint NOT NULL,
    FOREIGN KEY (log, size) REFERENCES log_checkpoint,
    CHECK (entry_index < size)
);

-- The log refused, or went on again; the newest tells how it stands.
CREATE TABLE log_event (
    id uuid PRIMARY KEY,
    event text NOT NULL CHECK (event IN ('refused', 'resumed')),
    code text NOT NULL,
    recorded_at timestamptz NOT NULL
);

-- STATE -------------------------------------------------------------------------------------------

-- Groups that no log holds yet. Entries of other groups may lie between the first and the last of one.
CREATE TABLE log_pending (
    group_id uuid PRIMARY KEY,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL
);

-- One row: how far the log has come, and who may carry it on. A leader whose term has passed changes nothing.
CREATE TABLE log_head (
    one bigint PRIMARY KEY CHECK (one = 1),
    log bigint NOT NULL,
    size bigint NOT NULL,
    term bigint NOT NULL,
    leader uuid,
    leads_until timestamptz NOT NULL
);
INSERT INTO log_head (one, log, size, term, leader, leads_until) VALUES (1, 1, 0, 0, NULL, 'epoch');

-- Facts are appended (law 5).
CREATE TRIGGER log_entry_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_run_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_run FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tile_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_tile FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_batch_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_batch FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_checkpoint_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_seal_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
