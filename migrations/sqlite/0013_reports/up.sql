-- What banks report, how each report was answered, and what the hub does by itself when a clock runs out.

-- A bank's own suspicion of a theft. What it says, and the salt of its commitment, lie in the erasable store.
CREATE TABLE bank_report (
    id BLOB PRIMARY KEY,
    bank_id BLOB NOT NULL REFERENCES bank,
    person_id BLOB REFERENCES person,
    api_key_id BLOB,
    payload_id BLOB NOT NULL,
    triage_by INTEGER NOT NULL,
    issue_by INTEGER NOT NULL, -- unanswered, it is issued to everyone then
    reported_at INTEGER NOT NULL,
    CHECK (reported_at <= triage_by AND triage_by <= issue_by)
) STRICT, WITHOUT ROWID;
CREATE INDEX bank_report_of_bank ON bank_report (bank_id);
CREATE INDEX bank_report_due ON bank_report (issue_by);

-- The one answer to a report: an officer's incident, an officer's reason why it is none, or silence.
CREATE TABLE bank_report_end (
    report_id BLOB PRIMARY KEY REFERENCES bank_report,
    outcome TEXT NOT NULL CHECK (outcome = 'incident' OR outcome = 'no_incident' OR outcome = 'silence'),
    revision_id BLOB REFERENCES revision,
    person_id BLOB REFERENCES person, -- who answered; nobody did where it was silence
    payload_id BLOB, -- the reason that goes back to the reporter
    recorded_at INTEGER NOT NULL,
    CHECK ((revision_id IS NULL) = (outcome = 'no_incident')),
    CHECK ((payload_id IS NULL) = (outcome <> 'no_incident')),
    CHECK ((person_id IS NULL) = (outcome = 'silence'))
) STRICT, WITHOUT ROWID;

-- A draft may be begun from a report, which it answers when it is issued.
ALTER TABLE draft ADD COLUMN report_id BLOB REFERENCES bank_report;
ALTER TABLE draft ADD COLUMN discarded_by BLOB REFERENCES person;

-- What the hub issues by itself was accepted by nobody.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'accepted_by BLOB NOT NULL REFERENCES', 'accepted_by BLOB REFERENCES')
    WHERE type = 'table' AND name = 'revision';
PRAGMA writable_schema = RESET;

-- A whole revision is held back: two people, a legal basis, an end that comes by itself. Nothing names a bank.
CREATE TABLE deferral (
    id BLOB PRIMARY KEY,
    request_id BLOB NOT NULL UNIQUE REFERENCES approval,
    basis TEXT NOT NULL,
    incident_id BLOB REFERENCES incident, -- none yet where it would be a first revision
    draft_id BLOB REFERENCES draft,
    report_id BLOB REFERENCES bank_report,
    renews BLOB UNIQUE REFERENCES deferral,
    payload_id BLOB NOT NULL, -- the filing, and the salt of its commitment
    expires_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    CHECK (expires_at > recorded_at),
    CHECK (expires_at - recorded_at <= 259200000000)
) STRICT, WITHOUT ROWID;

-- How a deferral ended: its time ran out or an officer lifted it, and the revision went out; or two people renewed it.
CREATE TABLE deferral_end (
    deferral_id BLOB PRIMARY KEY REFERENCES deferral,
    how TEXT NOT NULL CHECK (how = 'expired' OR how = 'lifted' OR how = 'renewed'),
    revision_id BLOB REFERENCES revision,
    person_id BLOB REFERENCES person, -- who lifted it
    recorded_at INTEGER NOT NULL,
    CHECK ((revision_id IS NULL) = (how = 'renewed')),
    CHECK ((person_id IS NULL) = (how <> 'lifted'))
) STRICT, WITHOUT ROWID;

-- Two people ended the chase of a notice that its bank had not acknowledged.
CREATE TABLE notice_closing (
    notice_id BLOB PRIMARY KEY REFERENCES notice,
    request_id BLOB NOT NULL REFERENCES approval,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A final report closed an incident whose banks had all stamped what they were told last, or had been closed by two people.
CREATE TABLE incident_closing (
    incident_id BLOB PRIMARY KEY REFERENCES incident,
    revision_id BLOB NOT NULL UNIQUE REFERENCES revision,
    settled_id BLOB NOT NULL REFERENCES revision,
    acknowledged INTEGER NOT NULL CHECK (acknowledged >= 0),
    closed INTEGER NOT NULL CHECK (closed >= 0),
    recorded_at INTEGER NOT NULL,
    CHECK (acknowledged + closed >= 1)
) STRICT, WITHOUT ROWID;

-- An officer's answer to a response that asks or disputes.
CREATE TABLE response_answer (
    response_id BLOB PRIMARY KEY REFERENCES response,
    person_id BLOB NOT NULL REFERENCES person,
    payload_id BLOB NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- STATE -------------------------------------------------------------------------------------------

-- Up to which response the banks of an incident were told what their peers did.
CREATE TABLE response_shared (
    incident_id BLOB PRIMARY KEY REFERENCES incident,
    up_to BLOB NOT NULL,
    shared_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the operator's people were warned of already.
CREATE TABLE warning_given (
    subject_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (subject_id, kind)
) STRICT, WITHOUT ROWID;

-- A draft is issued or discarded with a reason, and stays.
CREATE TRIGGER draft_kept BEFORE DELETE ON draft BEGIN SELECT RAISE(ABORT, 'a draft is never deleted'); END;

-- Facts are appended (law 5).
CREATE TRIGGER bank_report_no_update BEFORE UPDATE ON bank_report BEGIN SELECT RAISE(ABORT, 'bank_report is append-only'); END;
CREATE TRIGGER bank_report_no_delete BEFORE DELETE ON bank_report BEGIN SELECT RAISE(ABORT, 'bank_report is append-only'); END;
CREATE TRIGGER bank_report_end_no_update BEFORE UPDATE ON bank_report_end BEGIN SELECT RAISE(ABORT, 'bank_report_end is append-only'); END;
CREATE TRIGGER bank_report_end_no_delete BEFORE DELETE ON bank_report_end BEGIN SELECT RAISE(ABORT, 'bank_report_end is append-only'); END;
CREATE TRIGGER deferral_no_update BEFORE UPDATE ON deferral BEGIN SELECT RAISE(ABORT, 'deferral is append-only'); END;
CREATE TRIGGER deferral_no_delete BEFORE DELETE ON deferral BEGIN SELECT RAISE(ABORT, 'deferral is append-only'); END;
CREATE TRIGGER deferral_end_no_update BEFORE UPDATE ON deferral_end BEGIN SELECT RAISE(ABORT, 'deferral_end is append-only'); END;
CREATE TRIGGER deferral_end_no_delete BEFORE DELETE ON deferral_end BEGIN SELECT RAISE(ABORT, 'deferral_end is append-only'); END;
CREATE TRIGGER notice_closing_no_update BEFORE UPDATE ON notice_closing BEGIN SELECT RAISE(ABORT, 'notice_closing is append-only'); END;
CREATE TRIGGER notice_closing_no_delete BEFORE DELETE ON notice_closing BEGIN SELECT RAISE(ABORT, 'notice_closing is append-only'); END;
CREATE TRIGGER incident_closing_no_update BEFORE UPDATE ON incident_closing BEGIN SELECT RAISE(ABORT, 'incident_closing is append-only'); END;
CREATE TRIGGER incident_closing_no_delete BEFORE DELETE ON incident_closing BEGIN SELECT RAISE(ABORT, 'incident_closing is append-only'); END;

-- No incident is closed over the head of a bank.
CREATE TRIGGER incident_closing_is_settled BEFORE INSERT ON incident_closing
    WHEN EXISTS (SELECT 1 FROM notice n WHERE n.revision_id = NEW.settled_id
        AND NOT EXISTS (SELECT 1 FROM acknowledgement a WHERE a.notice_id = n.id)
        AND NOT EXISTS (SELECT 1 FROM notice_closing c WHERE c.notice_id = n.id))
BEGIN SELECT RAISE(ABORT, 'a bank has neither stamped nor been closed'); END;
CREATE TRIGGER response_answer_no_update BEFORE UPDATE ON response_answer BEGIN SELECT RAISE(ABORT, 'response_answer is append-only'); END;
CREATE TRIGGER response_answer_no_delete BEFORE DELETE ON response_answer BEGIN SELECT RAISE(ABORT, 'response_answer is append-only'); END;
