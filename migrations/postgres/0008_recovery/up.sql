-- Taking an account up again, and showing anew who sits at a desk. State: that two people agreed is in 0002.

CREATE TABLE recovery (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    person_id uuid NOT NULL REFERENCES person,
    approval_id uuid REFERENCES approval, -- null = the host's command line
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX recovery_of_person ON recovery (person_id);

-- When password and code were last given in this session; null = at its beginning.
ALTER TABLE session ADD COLUMN confirmed_at timestamptz;
