-- What mail servers report came of mails: told by the MAC of the address that a report came to, and by nothing in it.

CREATE TABLE mail_report (
    id BLOB PRIMARY KEY,
    delivery_id BLOB NOT NULL,
    attempt_id BLOB NOT NULL REFERENCES attempt, -- the newest that the relay had taken
    notice_id BLOB REFERENCES notice,
    bank_id BLOB REFERENCES bank,
    target_id BLOB NOT NULL, -- the contact or person row: the address as used
    action TEXT NOT NULL CHECK (action IN ('failed', 'delayed', 'delivered', 'relayed', 'expanded')), -- RFC 3464
    status TEXT CHECK (length(status) BETWEEN 5 AND 11), -- RFC 3463, where there was one
    class TEXT NOT NULL CHECK (class IN ('bounced', 'delayed', 'delivered', 'relayed')),
    tag BLOB NOT NULL CHECK (length(tag) = 32), -- a MAC of the file: the same one, read again, is no second report
    payload_id BLOB NOT NULL, -- the file as it came, and the salt of its commitment
    reported_at INTEGER, -- the date that its writer gave it
    recorded_at INTEGER NOT NULL,
    UNIQUE (delivery_id, tag),
    CHECK (class <> 'bounced' OR action = 'failed'),
    CHECK ((class = 'delivered') = (action = 'delivered'))
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_report_of_attempt ON mail_report (attempt_id);
CREATE INDEX mail_report_of_target ON mail_report (target_id, class, id);

-- Facts are appended (law 5).
CREATE TRIGGER mail_report_no_update BEFORE UPDATE ON mail_report BEGIN SELECT RAISE(ABORT, 'mail_report is append-only'); END;
CREATE TRIGGER mail_report_no_delete BEFORE DELETE ON mail_report BEGIN SELECT RAISE(ABORT, 'mail_report is append-only'); END;
