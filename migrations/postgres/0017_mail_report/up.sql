-- What mail servers report came of mails: told by the MAC of the address that a report came to, and by nothing in it.

CREATE TABLE mail_report (
    id uuid PRIMARY KEY,
    delivery_id uuid NOT NULL,
    attempt_id uuid NOT NULL REFERENCES attempt, -- the newest that the relay had taken
    notice_id uuid REFERENCES notice,
    bank_id uuid REFERENCES bank,
    target_id uuid NOT NULL, -- the contact or person row: the address as used
    action text NOT NULL CHECK (action IN ('failed', 'delayed', 'delivered', 'relayed', 'expanded')), -- RFC 3464
    status text CHECK (length(status) BETWEEN 5 AND 11), -- RFC 3463, where there was one
    class text NOT NULL CHECK (class IN ('bounced', 'delayed', 'delivered', 'relayed')),
    tag bytea NOT NULL CHECK (length(tag) = 32), -- a MAC of the file: the same one, read again, is no second report
    payload_id uuid NOT NULL, -- the file as it came, and the salt of its commitment
    reported_at timestamptz, -- the date that its writer gave it
    recorded_at timestamptz NOT NULL,
    UNIQUE (delivery_id, tag),
    CHECK (class <> 'bounced' OR action = 'failed'),
    CHECK ((class = 'delivered') = (action = 'delivered'))
);
CREATE INDEX mail_report_of_attempt ON mail_report (attempt_id);
CREATE INDEX mail_report_of_target ON mail_report (target_id, class, id);

-- Facts are appended (law 5).
CREATE TRIGGER mail_report_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON mail_report FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
