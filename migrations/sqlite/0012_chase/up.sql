-- Clocks that run, and what they set going: the chase of every notice that nobody has acknowledged, calls, and the
-- operator's own deadlines.

-- A step of a notice's chase was taken: a reminder went out, and after the deadline somebody has to telephone.
CREATE TABLE chase_step (
    notice_id BLOB NOT NULL REFERENCES notice,
    n INTEGER NOT NULL CHECK (n >= 1),
    kind TEXT NOT NULL CHECK (kind IN ('reminder', 'escalation', 'deadline', 'again')),
    contacts INTEGER NOT NULL CHECK (contacts BETWEEN 1 AND 3), -- the highest ladder level that was reminded
    due_at INTEGER NOT NULL,
    message_id BLOB NOT NULL UNIQUE REFERENCES message,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (notice_id, n)
) STRICT, WITHOUT ROWID;

-- Somebody was reached beside the channels of the hub. Weaker than any notice, and counted only once a second
-- person has signed it off (0002); the notice stays due.
CREATE TABLE out_of_band_contact (
    id BLOB PRIMARY KEY,
    notice_id BLOB NOT NULL REFERENCES notice,
    bank_id BLOB NOT NULL REFERENCES bank,
    channel TEXT NOT NULL CHECK (channel IN ('phone', 'meeting', 'letter')),
    contact_id BLOB NOT NULL REFERENCES contact, -- whose number in the register was used
    caller BLOB NOT NULL REFERENCES person,
    told_at INTEGER NOT NULL,
    read_back INTEGER NOT NULL, -- the number of the notice, as they said it
    payload_id BLOB NOT NULL, -- their person and role, the number dialled, what was said
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX out_of_band_contact_of_notice ON out_of_band_contact (notice_id);

-- A call that somebody has to make: one for each notice that was not acknowledged in time. The last event tells
-- its state.
CREATE TABLE phone_task_event (
    task_id BLOB NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 1),
    event TEXT NOT NULL CHECK (event IN ('opened', 'claimed', 'released', 'completed', 'closed')),
    bank_id BLOB NOT NULL REFERENCES bank,
    notice_id BLOB NOT NULL REFERENCES notice,
    person_id BLOB REFERENCES person,
    contact_id BLOB REFERENCES out_of_band_contact, -- that completed it
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (task_id, seq),
    UNIQUE (notice_id, seq),
    CHECK ((event IN ('claimed', 'released', 'completed')) = (person_id IS NOT NULL)),
    CHECK ((event = 'completed') = (contact_id IS NOT NULL)),
    CHECK ((event = 'opened') = (seq = 1))
) STRICT, WITHOUT ROWID;

-- The operator's people were told that a deadline of their own comes near (1) or is missed (2).
CREATE TABLE clock_step (
    origin_id BLOB NOT NULL, -- the draft, or the revision, that started the clock
    n INTEGER NOT NULL CHECK (n BETWEEN 1 AND 2),
    subject_id BLOB NOT NULL, -- the draft, or the incident
    phase TEXT NOT NULL CHECK (phase IN ('initial', 'intermediate', 'final')),
    due_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (origin_id, n)
) STRICT, WITHOUT ROWID;

-- PROJECTION --------------------------------------------------------------------------------------

-- Every notice that nobody has acknowledged, and its next step.
CREATE TABLE chase (
    notice_id BLOB PRIMARY KEY, -- not a foreign key: it is written with its notice, thousands at a time
    next_step INTEGER NOT NULL CHECK (next_step >= 1),
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX chase_due ON chase (next_at, notice_id);
INSERT INTO chase (notice_id, next_step, next_at)
    SELECT n.id, 1, n.issued_at FROM notice n
    WHERE NOT EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = n.id);

-- What the operator owes next, of every open draft and every open incident.
CREATE TABLE operator_clock (
    subject_id BLOB PRIMARY KEY,
    origin_id BLOB NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('initial', 'intermediate', 'final')),
    started_at INTEGER NOT NULL,
    clock_at INTEGER NOT NULL,
    ceiling_at INTEGER,
    next_step INTEGER NOT NULL CHECK (next_step BETWEEN 1 AND 3), -- 3 = all was said
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operator_clock_due ON operator_clock (next_at) WHERE next_step < 3;

-- By somebody beside the hub's channels, and signed off.
ALTER TABLE notice_status ADD COLUMN told_out_of_band INTEGER NOT NULL DEFAULT 0;

-- STATE -------------------------------------------------------------------------------------------

-- What one node does for all, and who does it. What is done is guarded besides: two that think so do it once.
CREATE TABLE duty (
    name TEXT PRIMARY KEY,
    node BLOB,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO duty (name, node, until) VALUES ('clocks', NULL, 0);

-- Facts are appended (law 5).
CREATE TRIGGER chase_step_no_update BEFORE UPDATE ON chase_step BEGIN SELECT RAISE(ABORT, 'chase_step is append-only'); END;
CREATE TRIGGER chase_step_no_delete BEFORE DELETE ON chase_step BEGIN SELECT RAISE(ABORT, 'chase_step is append-only'); END;
CREATE TRIGGER out_of_band_contact_no_update BEFORE UPDATE ON out_of_band_contact BEGIN SELECT RAISE(ABORT, 'out_of_band_contact is append-only'); END;
CREATE TRIGGER out_of_band_contact_no_delete BEFORE DELETE ON out_of_band_contact BEGIN SELECT RAISE(ABORT, 'out_of_band_contact is append-only'); END;
CREATE TRIGGER phone_task_event_no_update BEFORE UPDATE ON phone_task_event BEGIN SELECT RAISE(ABORT, 'phone_task_event is append-only'); END;
CREATE TRIGGER phone_task_event_no_delete BEFORE DELETE ON phone_task_event BEGIN SELECT RAISE(ABORT, 'phone_task_event is append-only'); END;
CREATE TRIGGER clock_step_no_update BEFORE UPDATE ON clock_step BEGIN SELECT RAISE(ABORT, 'clock_step is append-only'); END;
CREATE TRIGGER clock_step_no_delete BEFORE DELETE ON clock_step BEGIN SELECT RAISE(ABORT, 'clock_step is append-only'); END;
