-- The standing self-check: what it found, whenever that differs from before, and whose turn it is.

CREATE TABLE self_check (
    id BLOB PRIMARY KEY,
    broken TEXT NOT NULL, -- codes of the broken rules, with a space between; empty = sound
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- STATE -------------------------------------------------------------------------------------------

-- One row. Of the nodes that share the database, the one that moves `next_at` tries the rules.
CREATE TABLE self_check_turn (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    next_at INTEGER NOT NULL,
    took_ms INTEGER NOT NULL CHECK (took_ms >= 0),
    tried_at INTEGER -- the last try that came to its end
) STRICT;
INSERT INTO self_check_turn (one, next_at, took_ms) VALUES (1, 0, 0);

-- Facts are appended (law 5).
CREATE TRIGGER self_check_no_update BEFORE UPDATE ON self_check BEGIN SELECT RAISE(ABORT, 'self_check is append-only'); END;
CREATE TRIGGER self_check_no_delete BEFORE DELETE ON self_check BEGIN SELECT RAISE(ABORT, 'self_check is append-only'); END;
