-- The outgoing side: what is to be sent, what was about to be sent, what came of it.

CREATE TABLE message (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    notice_id uuid REFERENCES notice,
    bank_id uuid REFERENCES bank,
    person_id uuid REFERENCES person,
    payload_id uuid, -- frozen inputs that are not in the notice
    created_at timestamptz NOT NULL,
    CHECK ((bank_id IS NULL) <> (person_id IS NULL))
);

-- About to send: committed before a byte leaves. Its id is the fencing token of the lease.
CREATE TABLE attempt (
    id uuid PRIMARY KEY,
    delivery_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number >= 1),
    node_id uuid NOT NULL,
    started_at timestamptz NOT NULL
);

-- What came of it. A result that arrives after `unknown` is a second row.
CREATE TABLE attempt_outcome (
    attempt_id uuid NOT NULL REFERENCES attempt,
    seq bigint NOT NULL CHECK (seq >= 1),
    delivery_id uuid NOT NULL,
    notice_id uuid,
    incident_id uuid,
    bank_id uuid,
    target_id uuid NOT NULL, -- the endpoint, contact or person row: the address as used
    channel text NOT NULL CHECK (channel IN ('webhook', 'email')),
    number bigint NOT NULL,
    outcome text NOT NULL, -- 'accepted' or an error class
    status bigint,
    duration_ms bigint NOT NULL CHECK (duration_ms >= 0),
    body_hash bytea,
    tls_fingerprint bytea,
    answer_id uuid, -- the head of the answer, in the erasable store
    started_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (attempt_id, seq)
);
CREATE INDEX attempt_outcome_of_bank ON attempt_outcome (bank_id, attempt_id);
CREATE INDEX attempt_outcome_of_incident ON attempt_outcome (incident_id, bank_id, attempt_id);

-- PROJECTION --------------------------------------------------------------------------------------

-- One message over one channel to one address. `due_at` is the next send, or the end of the lease.
CREATE TABLE delivery (
    id uuid PRIMARY KEY,
    message_id uuid NOT NULL REFERENCES message,
    notice_id uuid,
    bank_id uuid,
    channel text NOT NULL CHECK (channel IN ('webhook', 'email')),
    target_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('due', 'leased', 'waiting', 'accepted', 'superseded', 'closed')),
    attempts bigint NOT NULL CHECK (attempts >= 0),
    failures bigint NOT NULL CHECK (failures >= 0), -- in a row
    due_at timestamptz NOT NULL,
    lease_owner uuid,
    lease_token uuid,
    unsealed boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CHECK ((state = 'leased') = (lease_token IS NOT NULL)),
    CHECK ((lease_owner IS NULL) = (lease_token IS NULL)),
    CHECK (state <> 'due' OR attempts = 0),
    CHECK (state <> 'waiting' OR attempts > 0)
);
-- Written with OR: SQLite sees that state = 'due' implies it, which it does not see of IN.
CREATE INDEX delivery_open ON delivery (channel, state, due_at, id, bank_id) WHERE state = 'due' OR state = 'waiting' OR state = 'leased';
CREATE INDEX delivery_of_notice ON delivery (notice_id);

-- Facts are appended (law 5).
CREATE TRIGGER message_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON message FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempt_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON attempt FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER attempt_outcome_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON attempt_outcome FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
