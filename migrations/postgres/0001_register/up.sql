-- Who is a partner bank, from when to when, and how it is reached.

CREATE TABLE bank (
    id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (length(code) BETWEEN 1 AND 16),
    recorded_at timestamptz NOT NULL
);

-- What is known of a bank; the highest revision is in force.
CREATE TABLE bank_profile (
    bank_id uuid NOT NULL REFERENCES bank,
    revision bigint NOT NULL CHECK (revision >= 1),
    name_ja text NOT NULL,
    name_en text NOT NULL,
    language text NOT NULL CHECK (language IN ('ja', 'en')),
    linking text NOT NULL, -- authentication codes, space-separated; empty = unknown
    new_links text NOT NULL CHECK (new_links IN ('open', 'suspended', 'limited')),
    top_ups text NOT NULL CHECK (top_ups IN ('open', 'suspended', 'limited')),
    pay_outs text NOT NULL CHECK (pay_outs IN ('open', 'suspended', 'limited')),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (bank_id, revision)
);

-- A period of partnership; the highest revision of a bank is in force.
CREATE TABLE partnership (
    bank_id uuid NOT NULL REFERENCES bank,
    revision bigint NOT NULL CHECK (revision >= 1),
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    recorded_at timestamptz NOT NULL,
    approval_id uuid,
    PRIMARY KEY (bank_id, revision),
    CHECK (valid_to IS NULL OR valid_to > valid_from)
);

CREATE TABLE contact (
    id uuid PRIMARY KEY,
    bank_id uuid NOT NULL REFERENCES bank,
    level bigint NOT NULL CHECK (level BETWEEN 1 AND 3),
    language text NOT NULL CHECK (language IN ('ja', 'en')),
    payload_id uuid NOT NULL, -- name, role, e-mail, phone, hours
    commitment bytea NOT NULL CHECK (length(commitment) = 32),
    recorded_at timestamptz NOT NULL
);
CREATE INDEX contact_of_bank ON contact (bank_id);

CREATE TABLE contact_end (
    contact_id uuid PRIMARY KEY REFERENCES contact,
    replaced_by uuid REFERENCES contact,
    recorded_at timestamptz NOT NULL
);

CREATE TABLE endpoint (
    id uuid PRIMARY KEY,
    bank_id uuid NOT NULL REFERENCES bank,
    payload_id uuid NOT NULL, -- URL
    commitment bytea NOT NULL CHECK (length(commitment) = 32),
    ed25519 boolean NOT NULL, -- the bank asked for v1a beside v1
    recorded_at timestamptz NOT NULL
);
CREATE INDEX endpoint_of_bank ON endpoint (bank_id);

CREATE TABLE endpoint_end (
    endpoint_id uuid PRIMARY KEY REFERENCES endpoint,
    replaced_by uuid REFERENCES endpoint,
    recorded_at timestamptz NOT NULL
);

-- The signing secret of an endpoint; the highest revision signs, the one before it until `previous_until`.
CREATE TABLE endpoint_secret (
    endpoint_id uuid NOT NULL REFERENCES endpoint,
    revision bigint NOT NULL CHECK (revision >= 1),
    payload_id uuid NOT NULL,
    previous_until timestamptz,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, revision)
);

CREATE TABLE roster_version (
    version bigint PRIMARY KEY CHECK (version >= 1),
    effective_at timestamptz NOT NULL,
    bank_count bigint NOT NULL CHECK (bank_count >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    entry_hash bytea NOT NULL CHECK (length(entry_hash) = 32)
);

CREATE TABLE roster_leaf (
    version bigint NOT NULL REFERENCES roster_version DEFERRABLE INITIALLY DEFERRED,
    bank_id uuid NOT NULL REFERENCES bank,
    position bigint NOT NULL CHECK (position >= 0),
    linking text NOT NULL,
    channels bytea NOT NULL CHECK (length(channels) = 32), -- commitment to contacts and endpoints
    member_since bigint NOT NULL, -- the roster version with which this membership began
    keys bytea NOT NULL CHECK (length(keys) % 32 = 0), -- the live acknowledgement keys, ascending
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    PRIMARY KEY (version, bank_id),
    UNIQUE (version, position)
);

-- STATE -------------------------------------------------------------------------------------------

-- Taken first by whatever must see the register stand still: issuing, cutting a roster version.
CREATE TABLE issue_gate (
    id bigint PRIMARY KEY CHECK (id = 1),
    turns bigint NOT NULL,
    next_change_at timestamptz -- when the register next changes by itself; null = nothing is planned
);
INSERT INTO issue_gate (id, turns, next_change_at) VALUES (1, 0, NULL);

CREATE TABLE bank_counter (
    bank_id uuid PRIMARY KEY REFERENCES bank,
    last_number bigint NOT NULL CHECK (last_number >= 0)
);

CREATE TABLE incident_counter (
    year bigint PRIMARY KEY,
    last_number bigint NOT NULL CHECK (last_number >= 1)
);

-- The erasable store: every personal payload, salt, secret and answer; facts hold commitments to them.
CREATE TABLE sealed_payload (
    id uuid PRIMARY KEY,
    subject uuid NOT NULL,
    key_version bigint NOT NULL,
    ciphertext bytea NOT NULL
);

-- One data key per bank, incident or person; destroying it erases the subject's payloads.
CREATE TABLE data_key (
    subject uuid NOT NULL,
    version bigint NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (subject, version)
);

-- The hub's own keys (webhook signing, mail links, cursors), wrapped under the key file.
CREATE TABLE hub_key (
    purpose text PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- Facts are appended (law 5).
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER bank_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON bank FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_profile_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_profile FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER partnership_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON partnership FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER contact_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON contact FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER contact_end_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON contact_end FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER endpoint_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER endpoint_end_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_end FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER endpoint_secret_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_secret FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER roster_version_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON roster_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER roster_leaf_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON roster_leaf FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
