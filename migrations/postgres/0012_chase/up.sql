-- Clocks that run, and what they set going: the chase of every notice that nobody has acknowledged, calls, and the
-- operator's own deadlines.

-- A step of a notice's chase was taken: a reminder went out, and after the deadline somebody has to telephone.
CREATE TABLE chase_step (
    notice_id uuid NOT NULL REFERENCES notice,
    n bigint NOT NULL CHECK (n >= 1),
    kind text NOT NULL CHECK (kind IN ('reminder', 'escalation', 'deadline', 'again')),
    contacts bigint NOT NULL CHECK (contacts BETWEEN 1 AND 3), -- the highest ladder level that was reminded
    due_at timestamptz NOT NULL,
    message_id uuid NOT NULL UNIQUE REFERENCES message,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (notice_id, n)
);

-- Somebody was reached beside the channels of the hub. Weaker than any notice, and counted only once a second
-- person has signed it off (0002); the notice stays due.
CREATE TABLE out_of_band_contact (
    id uuid PRIMARY KEY,
    notice_id uuid NOT NULL REFERENCES notice,
    bank_id uuid NOT NULL REFERENCES bank,
    channel text NOT NULL CHECK (channel IN ('phone', 'meeting', 'letter')),
    contact_id uuid NOT NULL REFERENCES contact, -- whose number in the register was used
    caller uuid NOT NULL REFERENCES person,
    told_at timestamptz NOT NULL,
    read_back bigint NOT NULL, -- the number of the notice, as they said it
    payload_id uuid NOT NULL, -- their person and role, the number dialled, what was said
    recorded_at timestamptz NOT NULL
);
CREATE INDEX out_of_band_contact_of_notice ON out_of_band_contact (notice_id);

-- A call that somebody has to make: one for each notice that was not acknowledged in time. The last event tells
-- its state.
CREATE TABLE phone_task_event (
    task_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 1),
    event text NOT NULL CHECK (event IN ('opened', 'claimed', 'released', 'completed', 'closed')),
    bank_id uuid NOT NULL REFERENCES bank,
    notice_id uuid NOT NULL REFERENCES notice,
    person_id uuid REFERENCES person,
    contact_id uuid REFERENCES out_of_band_contact, -- that completed it
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, seq),
    UNIQUE (notice_id, seq),
    CHECK ((event IN ('claimed', 'released', 'completed')) = (person_id IS NOT NULL)),
    CHECK ((event = 'completed') = (contact_id IS NOT NULL)),
    CHECK ((event = 'opened') = (seq = 1))
);

-- The operator's people were told that a deadline of their own comes near (1) or is missed (2).
CREATE TABLE clock_step (
    origin_id uuid NOT NULL, -- the draft, or the revision, that started the clock
    n bigint NOT NULL CHECK (n BETWEEN 1 AND 2),
    subject_id uuid NOT NULL, -- the draft, or the incident
    phase text NOT NULL CHECK (phase IN ('initial', 'intermediate', 'final')),
    due_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (origin_id, n)
);

-- PROJECTION --------------------------------------------------------------------------------------

-- Every notice that nobody has acknowledged, and its next step.
CREATE TABLE chase (
    notice_id uuid PRIMARY KEY, -- not a foreign key: it is written with its notice, thousands at a time
    next_step bigint NOT NULL CHECK (next_step >= 1),
    next_at timestamptz NOT NULL
);
CREATE INDEX chase_due ON chase (next_at, notice_id);
INSERT INTO chase (notice_id, next_step, next_at)
    SELECT n.id, 1, n.issued_at FROM notice n
    WHERE NOT EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = n.id);

-- What the operator owes next, of every open draft and every open incident.
CREATE TABLE operator_clock (
    subject_id uuid PRIMARY KEY,
    origin_id uuid NOT NULL,
    phase text NOT NULL CHECK (phase IN ('initial', 'intermediate', 'final')),
    started_at timestamptz NOT NULL,
    clock_at timestamptz NOT NULL,
    ceiling_at timestamptz,
    next_step bigint NOT NULL CHECK (next_step BETWEEN 1 AND 3), -- 3 = all was said
    next_at timestamptz NOT NULL
);
CREATE INDEX operator_clock_due ON operator_clock (next_at) WHERE next_step < 3;

-- By somebody beside the hub's channels, and signed off.
ALTER TABLE notice_status ADD COLUMN told_out_of_band boolean NOT NULL DEFAULT false;

-- STATE -------------------------------------------------------------------------------------------

-- What one node does for all, and who does it. What is done is guarded besides: two that think so do it once.
CREATE TABLE duty (
    name text PRIMARY KEY,
    node uuid,
    until timestamptz NOT NULL
);
INSERT INTO duty (name, node, until) VALUES ('clocks', NULL, 'epoch');

-- Facts are appended (law 5).
CREATE TRIGGER chase_step_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON chase_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER out_of_band_contact_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON out_of_band_contact FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER phone_task_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON phone_task_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clock_step_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON clock_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
