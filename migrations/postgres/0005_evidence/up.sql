-- What the banks did and what people did about them.

-- Levels above L0: the notice itself is the listing.
CREATE TABLE notice_level (
    notice_id uuid NOT NULL REFERENCES notice,
    level bigint NOT NULL CHECK (level BETWEEN 1 AND 5),
    reached_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    evidence_id uuid NOT NULL, -- the attempt, acknowledgement or response that shows it
    PRIMARY KEY (notice_id, level)
);

CREATE TABLE acknowledgement (
    id uuid PRIMARY KEY,
    notice_id uuid NOT NULL UNIQUE REFERENCES notice,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    class text NOT NULL CHECK (class IN ('signed', 'portal', 'api_key', 'link', 'out_of_band')),
    person_id uuid, -- an account, where there is one
    api_key_id uuid,
    delivery_id uuid, -- the mail whose link was used
    payload_id uuid, -- the name and role as given
    note_id uuid, -- the signed note and its salt
    covered_by uuid REFERENCES acknowledgement, -- the acknowledgement of a later revision that covers this one
    recorded_at timestamptz NOT NULL,
    CHECK ((note_id IS NOT NULL) = (class = 'signed' AND covered_by IS NULL))
);

CREATE TABLE response (
    id uuid PRIMARY KEY,
    notice_id uuid NOT NULL REFERENCES notice,
    incident_id uuid NOT NULL,
    bank_id uuid NOT NULL,
    codes text NOT NULL,
    share text NOT NULL CHECK (share IN ('private', 'operator', 'peers_anonymous', 'peers_named')),
    payload_id uuid NOT NULL, -- note, counts, amounts, who gave it
    effective_from timestamptz,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX response_of_incident ON response (incident_id, bank_id);
CREATE INDEX response_of_notice ON response (notice_id);

-- A human task opening or closing; the last event of a task tells its state.
CREATE TABLE task_event (
    task_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 1),
    kind text NOT NULL CHECK (kind IN ('no_channel', 'channel_broken')),
    event text NOT NULL CHECK (event IN ('opened', 'closed')),
    bank_id uuid NOT NULL REFERENCES bank,
    notice_id uuid,
    target_id uuid,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, seq)
);
CREATE INDEX task_of_target ON task_event (target_id);

-- PROJECTION --------------------------------------------------------------------------------------

-- What is amiss with a notice; a row only where something was. How far it has come is in notice_level.
CREATE TABLE notice_status (
    notice_id uuid PRIMARY KEY REFERENCES notice,
    bounced boolean NOT NULL,
    endpoint_down boolean NOT NULL,
    disputed boolean NOT NULL
);

-- Facts are appended (law 5).
CREATE TRIGGER notice_level_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON notice_level FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER acknowledgement_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON acknowledgement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER response_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON response FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER task_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON task_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
