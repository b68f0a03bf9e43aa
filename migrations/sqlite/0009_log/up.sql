-- The log: evidence in final bytes, the order in which it stands in the tree, and the tree's hashes and heads.
-- A hub writes one log; where that can no longer be continued, a successor with the next number begins.

-- Evidence staged by the business transaction, one group for each. Where it stands in the log is in log_run.
CREATE TABLE log_entry (
    seq INTEGER PRIMARY KEY,
    group_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    body BLOB NOT NULL CHECK (length(body) <= 4096),
    leaf_hash BLOB NOT NULL CHECK (length(leaf_hash) = 32)
) STRICT;
-- The chain of evidence of one notice is read by its subjects.
CREATE INDEX log_entry_of_subject ON log_entry (subject_id);

-- The entries first_seq, first_seq + 1, … are the leaves first_index, first_index + 1, …: n of them.
CREATE TABLE log_run (
    log INTEGER NOT NULL CHECK (log >= 1),
    first_index INTEGER NOT NULL CHECK (first_index >= 0),
    first_seq INTEGER NOT NULL UNIQUE,
    n INTEGER NOT NULL CHECK (n >= 1),
    PRIMARY KEY (log, first_index)
) STRICT, WITHOUT ROWID;

-- Full tiles alone (C2SP tlog-tiles): 256 hashes, and the root over them, which is a hash of the level above.
CREATE TABLE log_tile (
    log INTEGER NOT NULL,
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    number INTEGER NOT NULL CHECK (number >= 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (log, level, number)
) STRICT;

-- The head after each batch. None but these is ever signed.
CREATE TABLE log_batch (
    log INTEGER NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 1),
    root BLOB NOT NULL CHECK (length(root) = 32),
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;

-- A head as it was signed and published.
CREATE TABLE log_checkpoint (
    log INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (log, size),
    FOREIGN KEY (log, size) REFERENCES log_batch
) STRICT, WITHOUT ROWID;

-- With which checkpoint a fan-out's notices go out: the first that covers its entry.
CREATE TABLE log_seal (
    fanout_id BLOB PRIMARY KEY REFERENCES fanout,
    log INTEGER NOT NULL,
    entry_index INTEGER NOT NULL,
    size INTEGER NOT NULL,
    FOREIGN KEY (log, size) REFERENCES log_checkpoint,
    CHECK (entry_index < size)
) STRICT, WITHOUT ROWID;

-- The log refused, or went on again; the newest tells how it stands.
CREATE TABLE log_event (
    id BLOB PRIMARY KEY,
    event TEXT NOT NULL CHECK (event IN ('refused', 'resumed')),
    code TEXT NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- STATE -------------------------------------------------------------------------------------------

-- Groups that no log holds yet. Entries of other groups may lie between the first and the last of one.
CREATE TABLE log_pending (
    group_id BLOB PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: how far the log has come, and who may carry it on. A leader whose term has passed changes nothing.
CREATE TABLE log_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log INTEGER NOT NULL,
    size INTEGER NOT NULL,
    term INTEGER NOT NULL,
    leader BLOB,
    leads_until INTEGER NOT NULL
) STRICT;
INSERT INTO log_head (one, log, size, term, leader, leads_until) VALUES (1, 1, 0, 0, NULL, 0);

-- Facts are appended (law 5).
CREATE TRIGGER log_entry_no_update BEFORE UPDATE ON log_entry BEGIN SELECT RAISE(ABORT, 'log_entry is append-only'); END;
CREATE TRIGGER log_entry_no_delete BEFORE DELETE ON log_entry BEGIN SELECT RAISE(ABORT, 'log_entry is append-only'); END;
CREATE TRIGGER log_run_no_update BEFORE UPDATE ON log_run BEGIN SELECT RAISE(ABORT, 'log_run is append-only'); END;
CREATE TRIGGER log_run_no_delete BEFORE DELETE ON log_run BEGIN SELECT RAISE(ABORT, 'log_run is append-only'); END;
CREATE TRIGGER log_tile_no_update BEFORE UPDATE ON log_tile BEGIN SELECT RAISE(ABORT, 'log_tile is append-only'); END;
CREATE TRIGGER log_tile_no_delete BEFORE DELETE ON log_tile BEGIN SELECT RAISE(ABORT, 'log_tile is append-only'); END;
CREATE TRIGGER log_batch_no_update BEFORE UPDATE ON log_batch BEGIN SELECT RAISE(ABORT, 'log_batch is append-only'); END;
CREATE TRIGGER log_batch_no_delete BEFORE DELETE ON log_batch BEGIN SELECT RAISE(ABORT, 'log_batch is append-only'); END;
CREATE TRIGGER log_checkpoint_no_update BEFORE UPDATE ON log_checkpoint BEGIN SELECT RAISE(ABORT, 'log_checkpoint is append-only'); END;
CREATE TRIGGER log_checkpoint_no_delete BEFORE DELETE ON log_checkpoint BEGIN SELECT RAISE(ABORT, 'log_checkpoint is append-only'); END;
CREATE TRIGGER log_seal_no_update BEFORE UPDATE ON log_seal BEGIN SELECT RAISE(ABORT, 'log_seal is append-only'); END;
CREATE TRIGGER log_seal_no_delete BEFORE DELETE ON log_seal BEGIN SELECT RAISE(ABORT, 'log_seal is append-only'); END;
CREATE TRIGGER log_event_no_update BEFORE UPDATE ON log_event BEGIN SELECT RAISE(ABORT, 'log_event is append-only'); END;
CREATE TRIGGER log_event_no_delete BEFORE DELETE ON log_event BEGIN SELECT RAISE(ABORT, 'log_event is append-only'); END;
