-- How people sign in. State: facts about people are in 0002.

CREATE TABLE credential (
    person_id BLOB PRIMARY KEY REFERENCES person,
    password_hash TEXT NOT NULL, -- argon2id, as a PHC string
    totp_id BLOB NOT NULL, -- the second factor's secret, in the erasable store
    totp_step INTEGER NOT NULL, -- the last time step accepted: a code works once
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a person chose for the pages; without a row, what the invitation said.
CREATE TABLE preference (
    person_id BLOB PRIMARY KEY REFERENCES person,
    language TEXT NOT NULL CHECK (language IN ('ja', 'en')),
    zone TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The token lies in the person's browser; here is its SHA-256.
CREATE TABLE session (
    id BLOB PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    person_id BLOB NOT NULL REFERENCES person,
    agent TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_person ON session (person_id);

-- Failures in a row of one account, or from one network; the subject is a keyed hash.
CREATE TABLE sign_in_counter (
    subject BLOB PRIMARY KEY CHECK (length(subject) = 32),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    last_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
