-- The outgoing side: what is to be sent, what was about to be sent, what came of it.

CREATE TABLE message (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    notice_id BLOB REFERENCES notice,
    bank_id BLOB REFERENCES bank,
    person_id BLOB REFERENCES person,
    payload_id BLOB, -- frozen inputs that are not in the notice
    created_at INTEGER NOT NULL,
    CHECK ((bank_id IS NULL) <> (person_id IS NULL))
) STRICT, WITHOUT ROWID;

-- About to send: committed before a byte leaves. Its id is the fencing token of the lease.
CREATE TABLE attempt (
    id BLOB PRIMARY KEY,
    delivery_id BLOB NOT NULL,
    number INTEGER NOT NULL CHECK (number >= 1),
    node_id BLOB NOT NULL,
    started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What came of it. A result that arrives after `unknown` is a second row.
CREATE TABLE attempt_outcome (
    attempt_id BLOB NOT NULL REFERENCES attempt,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    delivery_id BLOB NOT NULL,
    notice_id BLOB,
    incident_id BLOB,
    bank_id BLOB,
    target_id BLOB NOT NULL, -- the endpoint, contact or person row: the address as used
    channel TEXT NOT NULL CHECK (channel IN ('webhook', 'email')),
    number INTEGER NOT NULL,
    outcome TEXT NOT NULL, -- 'accepted' or an error class
    status INTEGER,
    duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),
    body_hash BLOB,
    tls_fingerprint BLOB,
    answer_id BLOB, -- the head of the answer, in the erasable store
    started_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (attempt_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_outcome_of_bank ON attempt_outcome (bank_id, attempt_id);
CREATE INDEX attempt_outcome_of_incident ON attempt_outcome (incident_id, bank_id, attempt_id);

-- PROJECTION --------------------------------------------------------------------------------------

-- One message over one channel to one address. `due_at` is the next send, or the end of the lease.
CREATE TABLE delivery (
    id BLOB PRIMARY KEY,
    message_id BLOB NOT NULL REFERENCES message,
    notice_id BLOB,
    bank_id BLOB,
    channel TEXT NOT NULL CHECK (channel IN ('webhook', 'email')),
    target_id BLOB NOT NULL,
    -- Written with OR: SQLite builds a table for every longer IN, at every row.
    state TEXT NOT NULL CHECK (state = 'due' OR state = 'leased' OR state = 'waiting' OR state = 'accepted' OR state = 'superseded' OR state = 'closed'),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    failures INTEGER NOT NULL CHECK (failures >= 0), -- in a row
    due_at INTEGER NOT NULL,
    lease_owner BLOB,
    lease_token BLOB,
    unsealed INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
    CHECK ((lease_owner IS NULL) = (lease_token IS NULL)),
    CHECK (state <> 'due' OR attempts = 0),
    CHECK (state <> 'waiting' OR attempts > 0)
) STRICT, WITHOUT ROWID;
-- Written with OR: SQLite sees that state = 'due' implies it, which it does not see of IN.
CREATE INDEX delivery_open ON delivery (channel, state, due_at, id, bank_id) WHERE state = 'due' OR state = 'waiting' OR state = 'leased';
CREATE INDEX delivery_of_notice ON delivery (notice_id);

-- Facts are appended (law 5).
CREATE TRIGGER message_no_update BEFORE UPDATE ON message BEGIN SELECT RAISE(ABORT, 'message is append-only'); END;
CREATE TRIGGER message_no_delete BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'message is append-only'); END;
CREATE TRIGGER attempt_no_update BEFORE UPDATE ON attempt BEGIN SELECT RAISE(ABORT, 'attempt is append-only'); END;
CREATE TRIGGER attempt_no_delete BEFORE DELETE ON attempt BEGIN SELECT RAISE(ABORT, 'attempt is append-only'); END;
CREATE TRIGGER attempt_outcome_no_update BEFORE UPDATE ON attempt_outcome BEGIN SELECT RAISE(ABORT, 'attempt_outcome is append-only'); END;
CREATE TRIGGER attempt_outcome_no_delete BEFORE DELETE ON attempt_outcome BEGIN SELECT RAISE(ABORT, 'attempt_outcome is append-only'); END;
