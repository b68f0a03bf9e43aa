-- Who is owed the incidents from before its time, and whom the register names besides the partner banks.

-- FACTS -------------------------------------------------------------------------------------------

-- A regulator or an association among the banks of the register: told like a bank, and shown to all as what it is.
CREATE TABLE observer (
    bank_id uuid PRIMARY KEY REFERENCES bank,
    recorded_at timestamptz NOT NULL
);

CREATE TRIGGER observer_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON observer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- STATE -------------------------------------------------------------------------------------------

-- A bank that came onto the roster, and up to which incident it was told of those from before. The row goes when
-- there are no more.
CREATE TABLE late_joiner (
    bank_id uuid PRIMARY KEY REFERENCES bank,
    after_incident uuid NOT NULL, -- zeros = none yet
    joined_at timestamptz NOT NULL,
    look_at timestamptz NOT NULL -- not before; a bank without any channel is given a while to enter one
);

-- Who joined before this was kept, is looked through once: what a bank has already is passed over.
INSERT INTO late_joiner (bank_id, after_incident, joined_at, look_at)
SELECT l.bank_id, '00000000-0000-0000-0000-000000000000', v.effective_at, v.effective_at FROM roster_leaf l JOIN roster_version v ON v.version = l.version
WHERE l.version = (SELECT max(version) FROM roster_version);

-- Messages that are no notice find their deliveries; notices have an index of their own (0004).
CREATE INDEX delivery_of_message ON delivery (message_id) WHERE notice_id IS NULL;
