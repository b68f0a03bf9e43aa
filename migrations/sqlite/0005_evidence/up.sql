-- What the banks did and what people did about them.

-- Levels above L0: the notice itself is the listing.
CREATE TABLE notice_level (
    notice_id BLOB NOT NULL REFERENCES notice,
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 5),
    reached_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    evidence_id BLOB NOT NULL, -- the attempt, acknowledgement or response that shows it
    PRIMARY KEY (notice_id, level)
) STRICT, WITHOUT ROWID;

CREATE TABLE acknowledgement (
    id BLOB PRIMARY KEY,
    notice_id BLOB NOT NULL UNIQUE REFERENCES notice,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    class TEXT NOT NULL CHECK (class IN ('signed', 'portal', 'api_key', 'link', 'out_of_band')),
    person_id BLOB, -- an account, where there is one
    api_key_id BLOB,
    delivery_id BLOB, -- the mail whose link was used
    payload_id BLOB, -- the name and role as given
    note_id BLOB, -- the signed note and its salt
    covered_by BLOB REFERENCES acknowledgement, -- the acknowledgement of a later revision that covers this one
    recorded_at INTEGER NOT NULL,
    CHECK ((note_id IS NOT NULL) = (class = 'signed' AND covered_by IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE response (
    id BLOB PRIMARY KEY,
    notice_id BLOB NOT NULL REFERENCES notice,
    incident_id BLOB NOT NULL,
    bank_id BLOB NOT NULL,
    codes TEXT NOT NULL,
    share TEXT NOT NULL CHECK (share IN ('private', 'operator', 'peers_anonymous', 'peers_named')),
    payload_id BLOB NOT NULL, -- note, counts, amounts, who gave it
    effective_from INTEGER,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX response_of_incident ON response (incident_id, bank_id);
CREATE INDEX response_of_notice ON response (notice_id);

-- A human task opening or closing; the last event of a task tells its state.
CREATE TABLE task_event (
    task_id BLOB NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('no_channel', 'channel_broken')),
    event TEXT NOT NULL CHECK (event IN ('opened', 'closed')),
    bank_id BLOB NOT NULL REFERENCES bank,
    notice_id BLOB,
    target_id BLOB,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_of_target ON task_event (target_id);

-- PROJECTION --------------------------------------------------------------------------------------

-- What is amiss with a notice; a row only where something was. How far it has come is in notice_level.
CREATE TABLE notice_status (
    notice_id BLOB PRIMARY KEY REFERENCES notice,
    bounced INTEGER NOT NULL,
    endpoint_down INTEGER NOT NULL,
    disputed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Facts are appended (law 5).
CREATE TRIGGER notice_level_no_update BEFORE UPDATE ON notice_level BEGIN SELECT RAISE(ABORT, 'notice_level is append-only'); END;
CREATE TRIGGER notice_level_no_delete BEFORE DELETE ON notice_level BEGIN SELECT RAISE(ABORT, 'notice_level is append-only'); END;
CREATE TRIGGER acknowledgement_no_update BEFORE UPDATE ON acknowledgement BEGIN SELECT RAISE(ABORT, 'acknowledgement is append-only'); END;
CREATE TRIGGER acknowledgement_no_delete BEFORE DELETE ON acknowledgement BEGIN SELECT RAISE(ABORT, 'acknowledgement is append-only'); END;
CREATE TRIGGER response_no_update BEFORE UPDATE ON response BEGIN SELECT RAISE(ABORT, 'response is append-only'); END;
CREATE TRIGGER response_no_delete BEFORE DELETE ON response BEGIN SELECT RAISE(ABORT, 'response is append-only'); END;
CREATE TRIGGER task_event_no_update BEFORE UPDATE ON task_event BEGIN SELECT RAISE(ABORT, 'task_event is append-only'); END;
CREATE TRIGGER task_event_no_delete BEFORE DELETE ON task_event BEGIN SELECT RAISE(ABORT, 'task_event is append-only'); END;
