-- Taking an account up again, and showing anew who sits at a desk. State: that two people agreed is in 0002.

CREATE TABLE recovery (
    id BLOB PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    person_id BLOB NOT NULL REFERENCES person,
    approval_id BLOB REFERENCES approval, -- null = the host's command line
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_of_person ON recovery (person_id);

-- When password and code were last given in this session; null = at its beginning.
ALTER TABLE session ADD COLUMN confirmed_at INTEGER;
