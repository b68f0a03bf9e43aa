-- Whose an endpoint is: challenges that were sent to it, and answers that showed its secret. An endpoint from before this
-- has neither, and counts as not proven.

CREATE TABLE endpoint_challenge (
    message_id BLOB PRIMARY KEY REFERENCES message,
    delivery_id BLOB NOT NULL,
    endpoint_id BLOB NOT NULL REFERENCES endpoint,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_challenge_of ON endpoint_challenge (endpoint_id, message_id);

CREATE TABLE endpoint_proof (
    id BLOB PRIMARY KEY,
    endpoint_id BLOB NOT NULL REFERENCES endpoint,
    message_id BLOB NOT NULL REFERENCES endpoint_challenge,
    attempt_id BLOB NOT NULL UNIQUE REFERENCES attempt,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_proof_of ON endpoint_proof (endpoint_id, id);

-- An endpoint that shall take the place of another, which receives beside it until the new one is proven.
CREATE TABLE endpoint_replacement (
    endpoint_id BLOB PRIMARY KEY REFERENCES endpoint, -- the new one
    replaces BLOB NOT NULL REFERENCES endpoint,
    recorded_at INTEGER NOT NULL,
    CHECK (endpoint_id <> replaces)
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_replacement_of ON endpoint_replacement (replaces);

-- Facts are appended (law 5).
CREATE TRIGGER endpoint_challenge_no_update BEFORE UPDATE ON endpoint_challenge BEGIN SELECT RAISE(ABORT, 'endpoint_challenge is append-only'); END;
CREATE TRIGGER endpoint_challenge_no_delete BEFORE DELETE ON endpoint_challenge BEGIN SELECT RAISE(ABORT, 'endpoint_challenge is append-only'); END;
CREATE TRIGGER endpoint_proof_no_update BEFORE UPDATE ON endpoint_proof BEGIN SELECT RAISE(ABORT, 'endpoint_proof is append-only'); END;
CREATE TRIGGER endpoint_proof_no_delete BEFORE DELETE ON endpoint_proof BEGIN SELECT RAISE(ABORT, 'endpoint_proof is append-only'); END;
CREATE TRIGGER endpoint_replacement_no_update BEFORE UPDATE ON endpoint_replacement BEGIN SELECT RAISE(ABORT, 'endpoint_replacement is append-only'); END;
CREATE TRIGGER endpoint_replacement_no_delete BEFORE DELETE ON endpoint_replacement BEGIN SELECT RAISE(ABORT, 'endpoint_replacement is append-only'); END;
