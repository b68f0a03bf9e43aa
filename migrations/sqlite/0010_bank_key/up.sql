-- The banks' own keys for acknowledgements, and where a bank saw a head that no log of this hub has.

CREATE TABLE bank_key (
    id BLOB PRIMARY KEY,
    bank_id BLOB NOT NULL REFERENCES bank,
    public_key BLOB NOT NULL CHECK (length(public_key) = 32), -- Ed25519
    proof TEXT NOT NULL, -- the signed note in which the key showed itself, as it came
    recorded_at INTEGER NOT NULL,
    UNIQUE (bank_id, public_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE bank_key_end (
    key_id BLOB PRIMARY KEY REFERENCES bank_key,
    replaced_by BLOB REFERENCES bank_key,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A signed acknowledgement stands whatever head it names; where none of ours is like it, somebody was shown
-- another log than somebody else.
CREATE TABLE head_dispute (
    id BLOB PRIMARY KEY,
    bank_id BLOB NOT NULL REFERENCES bank,
    acknowledgement_id BLOB NOT NULL UNIQUE REFERENCES acknowledgement,
    size INTEGER NOT NULL CHECK (size >= 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Facts are appended (law 5).
CREATE TRIGGER bank_key_no_update BEFORE UPDATE ON bank_key BEGIN SELECT RAISE(ABORT, 'bank_key is append-only'); END;
CREATE TRIGGER bank_key_no_delete BEFORE DELETE ON bank_key BEGIN SELECT RAISE(ABORT, 'bank_key is append-only'); END;
CREATE TRIGGER bank_key_end_no_update BEFORE UPDATE ON bank_key_end BEGIN SELECT RAISE(ABORT, 'bank_key_end is append-only'); END;
CREATE TRIGGER bank_key_end_no_delete BEFORE DELETE ON bank_key_end BEGIN SELECT RAISE(ABORT, 'bank_key_end is append-only'); END;
CREATE TRIGGER head_dispute_no_update BEFORE UPDATE ON head_dispute BEGIN SELECT RAISE(ABORT, 'head_dispute is append-only'); END;
CREATE TRIGGER head_dispute_no_delete BEFORE DELETE ON head_dispute BEGIN SELECT RAISE(ABORT, 'head_dispute is append-only'); END;
