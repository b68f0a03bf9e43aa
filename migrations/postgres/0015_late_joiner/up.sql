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
    after_incident uuid NOT NULL -- zeros = none yet
);

-- Messages that are no notice find their deliveries; notices have an index of their own (0004).
CREATE INDEX delivery_of_message ON delivery (message_id) WHERE notice_id IS NULL;
