-- Who is owed the incidents from before its time, and whom the register names besides the partner banks.

-- FACTS -------------------------------------------------------------------------------------------

-- A regulator or an association among the banks of the register: told like a bank, and shown to all as what it is.
CREATE TABLE observer (
    bank_id BLOB PRIMARY KEY REFERENCES bank,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER observer_no_update BEFORE UPDATE ON observer BEGIN SELECT RAISE(ABORT, 'observer is append-only'); END;
CREATE TRIGGER observer_no_delete BEFORE DELETE ON observer BEGIN SELECT RAISE(ABORT, 'observer is append-only'); END;

-- STATE -------------------------------------------------------------------------------------------

-- A bank that came onto the roster, and up to which incident it was told of those from before. The row goes when
-- there are no more.
CREATE TABLE late_joiner (
    bank_id BLOB PRIMARY KEY REFERENCES bank,
    after_incident BLOB NOT NULL, -- zeros = none yet
    joined_at INTEGER NOT NULL,
    look_at INTEGER NOT NULL -- not before; a bank without any channel is given a while to enter one
) STRICT, WITHOUT ROWID;

-- Who joined before this was kept, is looked through once: what a bank has already is passed over.
INSERT INTO late_joiner (bank_id, after_incident, joined_at, look_at)
SELECT l.bank_id, zeroblob(16), v.effective_at, v.effective_at FROM roster_leaf l JOIN roster_version v ON v.version = l.version
WHERE l.version = (SELECT max(version) FROM roster_version);

-- Messages that are no notice find their deliveries; notices have an index of their own (0004).
CREATE INDEX delivery_of_message ON delivery (message_id) WHERE notice_id IS NULL;
