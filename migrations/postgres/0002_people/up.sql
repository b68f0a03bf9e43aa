-- People, machines and what they may do.

CREATE TABLE person (
    id uuid PRIMARY KEY,
    bank_id uuid REFERENCES bank, -- null = the operator's side
    payload_id uuid NOT NULL, -- name, e-mail
    email_tag bytea NOT NULL CHECK (length(email_tag) = 32), -- keyed hash, to find a person by address
    language text NOT NULL CHECK (language IN ('ja', 'en')),
    recorded_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX person_by_email ON person (email_tag);

-- A role given or taken away; the highest revision for (person, role) is in force.
CREATE TABLE role_grant (
    person_id uuid NOT NULL REFERENCES person,
    role text NOT NULL CHECK (role IN ('officer', 'auditor', 'administrator', 'bank_member', 'bank_administrator')),
    revision bigint NOT NULL CHECK (revision >= 1),
    given boolean NOT NULL,
    granted_by uuid, -- null = the host's command line
    approval_id uuid,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, role, revision)
);

-- What waits for a second person. The two rows name two people; the database sees to it.
CREATE TABLE approval_request (
    id uuid PRIMARY KEY,
    act text NOT NULL,
    subject_id uuid NOT NULL,
    details bytea NOT NULL, -- the act's frozen input
    requester uuid NOT NULL REFERENCES person,
    reason text NOT NULL,
    recorded_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    UNIQUE (id, requester)
);

CREATE TABLE approval (
    request_id uuid PRIMARY KEY,
    requester uuid NOT NULL,
    approver uuid NOT NULL REFERENCES person,
    decision text NOT NULL CHECK (decision IN ('approved', 'refused')),
    recorded_at timestamptz NOT NULL,
    FOREIGN KEY (request_id, requester) REFERENCES approval_request (id, requester),
    CHECK (approver <> requester)
);

-- STATE -------------------------------------------------------------------------------------------

CREATE TABLE invitation (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    bank_id uuid REFERENCES bank,
    roles text NOT NULL,
    payload_id uuid NOT NULL,
    email_tag bytea NOT NULL,
    language text NOT NULL CHECK (language IN ('ja', 'en')),
    invited_by uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    person_id uuid REFERENCES person
);

-- A person's own key, or a bank machine's. The secret is stored as its SHA-256.
CREATE TABLE api_key (
    id uuid PRIMARY KEY,
    person_id uuid REFERENCES person,
    bank_id uuid REFERENCES bank,
    secret_hash bytea NOT NULL CHECK (length(secret_hash) = 32),
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CHECK ((person_id IS NULL) <> (bank_id IS NULL))
);
CREATE INDEX api_key_of_bank ON api_key (bank_id);
CREATE INDEX api_key_of_person ON api_key (person_id);

-- The answer a client got for an Idempotency-Key, kept with the data it made.
CREATE TABLE idempotency (
    caller_id uuid NOT NULL,
    idem_key text NOT NULL,
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    status bigint NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (caller_id, idem_key)
);

-- Wrong guesses of a printed mail code.
CREATE TABLE guess_counter (
    delivery_id uuid PRIMARY KEY,
    failures bigint NOT NULL
);

-- Facts are appended (law 5).
CREATE TRIGGER person_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON person FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER role_grant_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON role_grant FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_request_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_request FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON approval FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
