-- The banks' own keys for acknowledgements, and where a bank saw a head that no log of this hub has.

CREATE TABLE bank_key (
    id uuid PRIMARY KEY,
    bank_id uuid NOT NULL REFERENCES bank,
    public_key bytea NOT NULL CHECK (length(public_key) = 32), -- Ed25519
    proof text NOT NULL, -- the signed note in which the key showed itself, as it came
    recorded_at timestamptz NOT NULL,
    UNIQUE (bank_id, public_key)
);

CREATE TABLE bank_key_end (
    key_id uuid PRIMARY KEY REFERENCES bank_key,
    replaced_by uuid REFERENCES bank_key,
    recorded_at timestamptz NOT NULL
);

-- A signed acknowledgement stands whatever head it names; where none of ours is like it, somebody was shown
-- another log than somebody else.
CREATE TABLE head_dispute (
    id uuid PRIMARY KEY,
    bank_id uuid NOT NULL REFERENCES bank,
    acknowledgement_id uuid NOT NULL UNIQUE REFERENCES acknowledgement,
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    recorded_at timestamptz NOT NULL
);

-- Facts are appended (law 5).
CREATE TRIGGER bank_key_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_key FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_key_end_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_key_end FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER head_dispute_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON head_dispute FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
