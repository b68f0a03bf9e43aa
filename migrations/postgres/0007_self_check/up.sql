-- The standing self-check: what it found, whenever that differs from before, and whose turn it is.

CREATE TABLE self_check (
    id uuid PRIMARY KEY,
    broken text NOT NULL, -- codes of the broken rules, with a space between; empty = sound
    recorded_at timestamptz NOT NULL
);

-- STATE -------------------------------------------------------------------------------------------

-- One row. Of the nodes that share the database, the one that moves `next_at` tries the rules.
CREATE TABLE self_check_turn (
    one bigint PRIMARY KEY CHECK (one = 1),
    next_at timestamptz NOT NULL,
    took_ms bigint NOT NULL CHECK (took_ms >= 0),
    tried_at timestamptz -- the last try that came to its end
);
INSERT INTO self_check_turn (one, next_at, took_ms) VALUES (1, 'epoch', 0);

-- Facts are appended (law 5).
CREATE TRIGGER self_check_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON self_check FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
