-- How people sign in. State: facts about people are in 0002.

CREATE TABLE credential (
    person_id uuid PRIMARY KEY REFERENCES person,
    password_hash text NOT NULL, -- argon2id, as a PHC string
    totp_id uuid NOT NULL, -- the second factor's secret, in the erasable store
    totp_step bigint NOT NULL, -- the last time step accepted: a code works once
    changed_at timestamptz NOT NULL
);

-- What a person chose for the pages; without a row, what the invitation said.
CREATE TABLE preference (
    person_id uuid PRIMARY KEY REFERENCES person,
    language text NOT NULL CHECK (language IN ('ja', 'en')),
    zone text NOT NULL
);

-- The token lies in the person's browser; here is its SHA-256.
CREATE TABLE session (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    person_id uuid NOT NULL REFERENCES person,
    agent text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX session_of_person ON session (person_id);

-- Failures in a row of one account, or from one network; the subject is a keyed hash.
CREATE TABLE sign_in_counter (
    subject bytea PRIMARY KEY CHECK (length(subject) = 32),
    failures bigint NOT NULL CHECK (failures >= 0),
    last_at timestamptz NOT NULL
);
