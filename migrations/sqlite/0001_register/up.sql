-- Who is a partner bank, from when to when, and how it is reached.

CREATE TABLE bank (
    id BLOB PRIMARY KEY,
    code TEXT NOT NULL UNIQUE CHECK (length(code) BETWEEN 1 AND 16),
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is known of a bank; the highest revision is in force.
CREATE TABLE bank_profile (
    bank_id BLOB NOT NULL REFERENCES bank,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    name_ja TEXT NOT NULL,
    name_en TEXT NOT NULL,
    language TEXT NOT NULL CHECK (language IN ('ja', 'en')),
    linking TEXT NOT NULL, -- authentication codes, space-separated; empty = unknown
    new_links TEXT NOT NULL CHECK (new_links IN ('open', 'suspended', 'limited')),
    top_ups TEXT NOT NULL CHECK (top_ups IN ('open', 'suspended', 'limited')),
    pay_outs TEXT NOT NULL CHECK (pay_outs IN ('open', 'suspended', 'limited')),
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (bank_id, revision)
) STRICT, WITHOUT ROWID;

-- A period of partnership; the highest revision of a bank is in force.
CREATE TABLE partnership (
    bank_id BLOB NOT NULL REFERENCES bank,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    valid_from INTEGER NOT NULL,
    valid_to INTEGER,
    recorded_at INTEGER NOT NULL,
    approval_id BLOB,
    PRIMARY KEY (bank_id, revision),
    CHECK (valid_to IS NULL OR valid_to > valid_from)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact (
    id BLOB PRIMARY KEY,
    bank_id BLOB NOT NULL REFERENCES bank,
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 3),
    language TEXT NOT NULL CHECK (language IN ('ja', 'en')),
    payload_id BLOB NOT NULL, -- name, role, e-mail, phone, hours
    commitment BLOB NOT NULL CHECK (length(commitment) = 32),
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_of_bank ON contact (bank_id);

CREATE TABLE contact_end (
    contact_id BLOB PRIMARY KEY REFERENCES contact,
    replaced_by BLOB REFERENCES contact,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoint (
    id BLOB PRIMARY KEY,
    bank_id BLOB NOT NULL REFERENCES bank,
    payload_id BLOB NOT NULL, -- URL
    commitment BLOB NOT NULL CHECK (length(commitment) = 32),
    ed25519 INTEGER NOT NULL, -- the bank asked for v1a beside v1
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_of_bank ON endpoint (bank_id);

CREATE TABLE endpoint_end (
    endpoint_id BLOB PRIMARY KEY REFERENCES endpoint,
    replaced_by BLOB REFERENCES endpoint,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The signing secret of an endpoint; the highest revision signs, the one before it until `previous_until`.
CREATE TABLE endpoint_secret (
    endpoint_id BLOB NOT NULL REFERENCES endpoint,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    payload_id BLOB NOT NULL,
    previous_until INTEGER,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_version (
    version INTEGER PRIMARY KEY CHECK (version >= 1),
    effective_at INTEGER NOT NULL,
    bank_count INTEGER NOT NULL CHECK (bank_count >= 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    entry_hash BLOB NOT NULL CHECK (length(entry_hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_leaf (
    version INTEGER NOT NULL REFERENCES roster_version DEFERRABLE INITIALLY DEFERRED,
    bank_id BLOB NOT NULL REFERENCES bank,
    position INTEGER NOT NULL CHECK (position >= 0),
    linking TEXT NOT NULL,
    channels BLOB NOT NULL CHECK (length(channels) = 32), -- commitment to contacts and endpoints
    member_since INTEGER NOT NULL, -- the roster version with which this membership began
    keys BLOB NOT NULL CHECK (length(keys) % 32 = 0), -- the live acknowledgement keys, ascending
    leaf_hash BLOB NOT NULL CHECK (length(leaf_hash) = 32),
    PRIMARY KEY (version, bank_id),
    UNIQUE (version, position)
) STRICT, WITHOUT ROWID;

-- STATE -------------------------------------------------------------------------------------------

-- Taken first by whatever must see the register stand still: issuing, cutting a roster version.
CREATE TABLE issue_gate (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    turns INTEGER NOT NULL,
    next_change_at INTEGER -- when the register next changes by itself; null = nothing is planned
) STRICT, WITHOUT ROWID;
INSERT INTO issue_gate (id, turns, next_change_at) VALUES (1, 0, NULL);

CREATE TABLE bank_counter (
    bank_id BLOB PRIMARY KEY REFERENCES bank,
    last_number INTEGER NOT NULL CHECK (last_number >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident_counter (
    year INTEGER PRIMARY KEY,
    last_number INTEGER NOT NULL CHECK (last_number >= 1)
) STRICT, WITHOUT ROWID;

-- The erasable store: every personal payload, salt, secret and answer; facts hold commitments to them.
CREATE TABLE sealed_payload (
    id BLOB PRIMARY KEY,
    subject BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    ciphertext BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One data key per bank, incident or person; destroying it erases the subject's payloads.
CREATE TABLE data_key (
    subject BLOB NOT NULL,
    version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (subject, version)
) STRICT, WITHOUT ROWID;

-- The hub's own keys (webhook signing, mail links, cursors), wrapped under the key file.
CREATE TABLE hub_key (
    purpose TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Facts are appended (law 5).
CREATE TRIGGER bank_no_update BEFORE UPDATE ON bank BEGIN SELECT RAISE(ABORT, 'bank is append-only'); END;
CREATE TRIGGER bank_no_delete BEFORE DELETE ON bank BEGIN SELECT RAISE(ABORT, 'bank is append-only'); END;
CREATE TRIGGER bank_profile_no_update BEFORE UPDATE ON bank_profile BEGIN SELECT RAISE(ABORT, 'bank_profile is append-only'); END;
CREATE TRIGGER bank_profile_no_delete BEFORE DELETE ON bank_profile BEGIN SELECT RAISE(ABORT, 'bank_profile is append-only'); END;
CREATE TRIGGER partnership_no_update BEFORE UPDATE ON partnership BEGIN SELECT RAISE(ABORT, 'partnership is append-only'); END;
CREATE TRIGGER partnership_no_delete BEFORE DELETE ON partnership BEGIN SELECT RAISE(ABORT, 'partnership is append-only'); END;
CREATE TRIGGER contact_no_update BEFORE UPDATE ON contact BEGIN SELECT RAISE(ABORT, 'contact is append-only'); END;
CREATE TRIGGER contact_no_delete BEFORE DELETE ON contact BEGIN SELECT RAISE(ABORT, 'contact is append-only'); END;
CREATE TRIGGER contact_end_no_update BEFORE UPDATE ON contact_end BEGIN SELECT RAISE(ABORT, 'contact_end is append-only'); END;
CREATE TRIGGER contact_end_no_delete BEFORE DELETE ON contact_end BEGIN SELECT RAISE(ABORT, 'contact_end is append-only'); END;
CREATE TRIGGER endpoint_no_update BEFORE UPDATE ON endpoint BEGIN SELECT RAISE(ABORT, 'endpoint is append-only'); END;
CREATE TRIGGER endpoint_no_delete BEFORE DELETE ON endpoint BEGIN SELECT RAISE(ABORT, 'endpoint is append-only'); END;
CREATE TRIGGER endpoint_end_no_update BEFORE UPDATE ON endpoint_end BEGIN SELECT RAISE(ABORT, 'endpoint_end is append-only'); END;
CREATE TRIGGER endpoint_end_no_delete BEFORE DELETE ON endpoint_end BEGIN SELECT RAISE(ABORT, 'endpoint_end is append-only'); END;
CREATE TRIGGER endpoint_secret_no_update BEFORE UPDATE ON endpoint_secret BEGIN SELECT RAISE(ABORT, 'endpoint_secret is append-only'); END;
CREATE TRIGGER endpoint_secret_no_delete BEFORE DELETE ON endpoint_secret BEGIN SELECT RAISE(ABORT, 'endpoint_secret is append-only'); END;
CREATE TRIGGER roster_version_no_update BEFORE UPDATE ON roster_version BEGIN SELECT RAISE(ABORT, 'roster_version is append-only'); END;
CREATE TRIGGER roster_version_no_delete BEFORE DELETE ON roster_version BEGIN SELECT RAISE(ABORT, 'roster_version is append-only'); END;
CREATE TRIGGER roster_leaf_no_update BEFORE UPDATE ON roster_leaf BEGIN SELECT RAISE(ABORT, 'roster_leaf is append-only'); END;
CREATE TRIGGER roster_leaf_no_delete BEFORE DELETE ON roster_leaf BEGIN SELECT RAISE(ABORT, 'roster_leaf is append-only'); END;
