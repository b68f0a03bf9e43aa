-- What banks report, how each report was answered, and what the hub does by itself when a clock runs out.

-- A bank's own suspicion of a theft. What it says, and the salt of its commitment, lie in the erasable store.
CREATE TABLE bank_report (
    id uuid PRIMARY KEY,
    bank_id uuid NOT NULL REFERENCES bank,
    person_id uuid REFERENCES person,
    api_key_id uuid,
    payload_id uuid NOT NULL,
    triage_by timestamptz NOT NULL,
    issue_by timestamptz NOT NULL, -- unanswered, it is issued to everyone then
    reported_at timestamptz NOT NULL,
    CHECK (reported_at <= triage_by AND triage_by <= issue_by)
);
CREATE INDEX bank_report_of_bank ON bank_report (bank_id);
CREATE INDEX bank_report_due ON bank_report (issue_by);

-- The one answer to a report: an officer's incident, an officer's reason why it is none, or silence.
CREATE TABLE bank_report_end (
    report_id uuid PRIMARY KEY REFERENCES bank_report,
    outcome text NOT NULL CHECK (outcome = 'incident' OR outcome = 'no_incident' OR outcome = 'silence'),
    revision_id uuid REFERENCES revision,
    person_id uuid REFERENCES person, -- who answered; nobody did where it was silence
    payload_id uuid, -- the reason that goes back to the reporter
    recorded_at timestamptz NOT NULL,
    CHECK ((revision_id IS NULL) = (outcome = 'no_incident')),
    CHECK ((payload_id IS NULL) = (outcome <> 'no_incident')),
    CHECK ((person_id IS NULL) = (outcome = 'silence'))
);

-- A draft may be begun from a report, which it answers when it is issued.
ALTER TABLE draft ADD COLUMN report_id uuid REFERENCES bank_report;
ALTER TABLE draft ADD COLUMN discarded_by uuid REFERENCES person;

-- What the hub issues by itself was accepted by nobody.
ALTER TABLE revision ALTER COLUMN accepted_by DROP NOT NULL;

-- A whole revision is held back: two people, a legal basis, an end that comes by itself. Nothing names a bank.
CREATE TABLE deferral (
    id uuid PRIMARY KEY,
    request_id uuid NOT NULL UNIQUE REFERENCES approval,
    basis text NOT NULL,
    incident_id uuid REFERENCES incident, -- none yet where it would be a first revision
    draft_id uuid REFERENCES draft,
    report_id uuid REFERENCES bank_report,
    renews uuid UNIQUE REFERENCES deferral,
    payload_id uuid NOT NULL, -- the filing, and the salt of its commitment
    expires_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    CHECK (expires_at > recorded_at),
    CHECK (expires_at <= recorded_at + interval '72 hours')
);

-- How a deferral ended: its time ran out or an officer lifted it, and the revision went out; or two people renewed it.
CREATE TABLE deferral_end (
    deferral_id uuid PRIMARY KEY REFERENCES deferral,
    how text NOT NULL CHECK (how = 'expired' OR how = 'lifted' OR how = 'renewed'),
    revision_id uuid REFERENCES revision,
    person_id uuid REFERENCES person, -- who lifted it
    recorded_at timestamptz NOT NULL,
    CHECK ((revision_id IS NULL) = (how = 'renewed')),
    CHECK ((person_id IS NULL) = (how <> 'lifted'))
);

-- Two people ended the chase of a notice that its bank had not acknowledged.
CREATE TABLE notice_closing (
    notice_id uuid PRIMARY KEY REFERENCES notice,
    request_id uuid NOT NULL REFERENCES approval,
    recorded_at timestamptz NOT NULL
);

-- A final report closed an incident whose banks had all stamped what they were told last, or had been closed by two people.
CREATE TABLE incident_closing (
    incident_id uuid PRIMARY KEY REFERENCES incident,
    revision_id uuid NOT NULL UNIQUE REFERENCES revision,
    settled_id uuid NOT NULL REFERENCES revision,
    acknowledged bigint NOT NULL CHECK (acknowledged >= 0),
    closed bigint NOT NULL CHECK (closed >= 0),
    recorded_at timestamptz NOT NULL,
    CHECK (acknowledged + closed >= 1)
);

-- An officer's answer to a response that asks or disputes.
CREATE TABLE response_answer (
    response_id uuid PRIMARY KEY REFERENCES response,
    person_id uuid NOT NULL REFERENCES person,
    payload_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL
);

-- STATE -------------------------------------------------------------------------------------------

-- Up to which response the banks of an incident were told what their peers did.
CREATE TABLE response_shared (
    incident_id uuid PRIMARY KEY REFERENCES incident,
    up_to uuid NOT NULL,
    shared_at timestamptz NOT NULL
);

-- What the operator's people were warned of already.
CREATE TABLE warning_given (
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    given_at timestamptz NOT NULL,
    PRIMARY KEY (subject_id, kind)
);

-- A draft is issued or discarded with a reason, and stays.
CREATE FUNCTION refuse_to_lose_a_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a draft is never deleted';
END $$;
CREATE TRIGGER draft_kept BEFORE DELETE OR TRUNCATE ON draft FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_lose_a_draft();

-- Facts are appended (law 5).
CREATE TRIGGER bank_report_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_report FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER bank_report_end_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON bank_report_end FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deferral_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON deferral FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER deferral_end_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON deferral_end FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER notice_closing_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON notice_closing FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER incident_closing_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON incident_closing FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- No incident is closed over the head of a bank.
CREATE FUNCTION check_incident_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM notice n WHERE n.revision_id = NEW.settled_id
        AND NOT EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = n.id)
        AND NOT EXISTS (SELECT 1 FROM notice_closing c WHERE c.notice_id = n.id)) THEN
        RAISE EXCEPTION 'a bank has neither stamped nor been closed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER incident_closing_is_settled BEFORE INSERT ON incident_closing FOR EACH ROW EXECUTE FUNCTION check_incident_closing();
CREATE TRIGGER response_answer_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON response_answer FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
