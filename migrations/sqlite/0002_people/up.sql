-- People, machines and what they may do.

CREATE TABLE person (
    id BLOB PRIMARY KEY,
    bank_id BLOB REFERENCES bank, -- null = the operator's side
    payload_id BLOB NOT NULL, -- name, e-mail
    email_tag BLOB NOT NULL CHECK (length(email_tag) = 32), -- keyed hash, to find a person by address
    language TEXT NOT NULL CHECK (language IN ('ja', 'en')),
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX person_by_email ON person (email_tag);

-- A role given or taken away; the highest revision for (person, role) is in force.
CREATE TABLE role_grant (
    person_id BLOB NOT NULL REFERENCES person,
    role TEXT NOT NULL CHECK (role IN ('officer', 'auditor', 'administrator', 'bank_member', 'bank_administrator')),
    revision INTEGER NOT NULL CHECK (revision >= 1),
    given INTEGER NOT NULL,
    granted_by BLOB, -- null = the host's command line
    approval_id BLOB,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (person_id, role, revision)
) STRICT, WITHOUT ROWID;

-- What waits for a second person. The two rows name two people; the database sees to it.
CREATE TABLE approval_request (
    id BLOB PRIMARY KEY,
    act TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    details BLOB NOT NULL, -- the act's frozen input
    requester BLOB NOT NULL REFERENCES person,
    reason TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (id, requester)
) STRICT, WITHOUT ROWID;

CREATE TABLE approval (
    request_id BLOB PRIMARY KEY,
    requester BLOB NOT NULL,
    approver BLOB NOT NULL REFERENCES person,
    decision TEXT NOT NULL CHECK (decision IN ('approved', 'refused')),
    recorded_at INTEGER NOT NULL,
    FOREIGN KEY (request_id, requester) REFERENCES approval_request (id, requester),
    CHECK (approver <> requester)
) STRICT, WITHOUT ROWID;

-- STATE -------------------------------------------------------------------------------------------

CREATE TABLE invitation (
    id BLOB PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    bank_id BLOB REFERENCES bank,
    roles TEXT NOT NULL,
    payload_id BLOB NOT NULL,
    email_tag BLOB NOT NULL,
    language TEXT NOT NULL CHECK (language IN ('ja', 'en')),
    invited_by BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    person_id BLOB REFERENCES person
) STRICT, WITHOUT ROWID;

-- A person's own key, or a bank machine's. The secret is stored as its SHA-256.
CREATE TABLE api_key (
    id BLOB PRIMARY KEY,
    person_id BLOB REFERENCES person,
    bank_id BLOB REFERENCES bank,
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    label TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    CHECK ((person_id IS NULL) <> (bank_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_of_bank ON api_key (bank_id);
CREATE INDEX api_key_of_person ON api_key (person_id);

-- The answer a client got for an Idempotency-Key, kept with the data it made.
CREATE TABLE idempotency (
    caller_id BLOB NOT NULL,
    idem_key TEXT NOT NULL,
    request_hash BLOB NOT NULL CHECK (length(request_hash) = 32),
    status INTEGER NOT NULL,
    answer BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (caller_id, idem_key)
) STRICT, WITHOUT ROWID;

-- Wrong guesses of a printed mail code.
CREATE TABLE guess_counter (
    delivery_id BLOB PRIMARY KEY,
    failures INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Facts are appended (law 5).
CREATE TRIGGER person_no_update BEFORE UPDATE ON person BEGIN SELECT RAISE(ABORT, 'person is append-only'); END;
CREATE TRIGGER person_no_delete BEFORE DELETE ON person BEGIN SELECT RAISE(ABORT, 'person is append-only'); END;
CREATE TRIGGER role_grant_no_update BEFORE UPDATE ON role_grant BEGIN SELECT RAISE(ABORT, 'role_grant is append-only'); END;
CREATE TRIGGER role_grant_no_delete BEFORE DELETE ON role_grant BEGIN SELECT RAISE(ABORT, 'role_grant is append-only'); END;
CREATE TRIGGER approval_request_no_update BEFORE UPDATE ON approval_request BEGIN SELECT RAISE(ABORT, 'approval_request is append-only'); END;
CREATE TRIGGER approval_request_no_delete BEFORE DELETE ON approval_request BEGIN SELECT RAISE(ABORT, 'approval_request is append-only'); END;
CREATE TRIGGER approval_no_update BEFORE UPDATE ON approval BEGIN SELECT RAISE(ABORT, 'approval is append-only'); END;
CREATE TRIGGER approval_no_delete BEFORE DELETE ON approval BEGIN SELECT RAISE(ABORT, 'approval is append-only'); END;
