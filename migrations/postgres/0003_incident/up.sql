-- What happened, revision by revision, and who is owed it.

CREATE TABLE incident (
    id uuid PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    opened_at timestamptz NOT NULL
);

CREATE TABLE revision (
    id uuid PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    number bigint NOT NULL CHECK (number >= 1),
    phase text NOT NULL CHECK (phase IN ('initial', 'intermediate', 'final', 'withdrawal')),
    determination text NOT NULL,
    severity text NOT NULL,
    urgency text NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'resolved', 'closed')),
    tlp text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('actual', 'exercise', 'test')),
    title_ja text NOT NULL,
    title_en text NOT NULL,
    search_text text NOT NULL, -- lower-case, for the officer's search
    body bytea NOT NULL, -- the shared body, canonical; hashed as it stands
    digest bytea NOT NULL CHECK (length(digest) = 32),
    contacts_id uuid, -- the operator's contact persons, in the erasable store
    accepted_at timestamptz NOT NULL,
    accepted_by uuid NOT NULL REFERENCES person,
    approval_id uuid REFERENCES approval,
    fanout_id uuid NOT NULL,
    UNIQUE (incident_id, number),
    UNIQUE (fanout_id), -- closing a fan-out looks up the revision that waits for it
    CHECK ((phase = 'withdrawal') = (approval_id IS NOT NULL)),
    CHECK (NOT (phase = 'intermediate' AND status = 'closed')),
    CHECK (NOT (phase = 'final' AND status = 'open'))
);

-- All notices of one revision; inserted last, and refused unless they are all there.
CREATE TABLE fanout (
    id uuid PRIMARY KEY,
    revision_id uuid NOT NULL REFERENCES revision,
    kind text NOT NULL CHECK (kind IN ('roster', 'former', 'late_joiner', 'observer')),
    n bigint NOT NULL CHECK (n >= 1),
    roster_version bigint NOT NULL REFERENCES roster_version,
    notice_count bigint NOT NULL CHECK (notice_count >= 1),
    notices_root bytea NOT NULL CHECK (length(notices_root) = 32),
    salt_id uuid NOT NULL, -- the seed of the notice salts, in the erasable store
    issued_at timestamptz NOT NULL,
    UNIQUE (revision_id, kind, n)
);

ALTER TABLE revision ADD FOREIGN KEY (fanout_id) REFERENCES fanout DEFERRABLE INITIALLY DEFERRED;

-- One revision owed to one bank.
CREATE TABLE notice (
    id uuid PRIMARY KEY,
    revision_id uuid NOT NULL REFERENCES revision,
    -- Not a foreign key: closing a fan-out would look for every notice that waits for it; its trigger counts them.
    fanout_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    bank_id uuid NOT NULL REFERENCES bank,
    number bigint NOT NULL CHECK (number >= 1),
    reason text NOT NULL CHECK (reason IN ('partner', 'affected', 'former', 'late_joiner', 'observer')),
    exposed boolean NOT NULL,
    concerns_you boolean NOT NULL,
    acknowledge_by timestamptz NOT NULL,
    object bytea NOT NULL, -- the notice object, canonical; hashed as it stands
    digest bytea NOT NULL CHECK (length(digest) = 32),
    commitment bytea NOT NULL CHECK (length(commitment) = 32), -- salted, to the notice object
    facts bytea NOT NULL CHECK (length(facts) = 32), -- salted, to this row and that of its message
    channels text NOT NULL, -- over which it went at once, with a space between
    issued_at timestamptz NOT NULL,
    UNIQUE (revision_id, bank_id),
    UNIQUE (bank_id, number)
);

-- STATE -------------------------------------------------------------------------------------------

-- A filing in preparation. Never deleted: discarded with a reason, or issued.
CREATE TABLE draft (
    id uuid PRIMARY KEY,
    author uuid NOT NULL REFERENCES person,
    payload_id uuid NOT NULL, -- the filing as far as it is known, in the erasable store
    version bigint NOT NULL CHECK (version >= 1),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    discarded_at timestamptz,
    discard_reason text,
    revision_id uuid REFERENCES revision,
    CHECK ((discarded_at IS NULL) = (discard_reason IS NULL)),
    CHECK (discarded_at IS NULL OR revision_id IS NULL)
);

-- Facts are appended (law 5).
CREATE TRIGGER incident_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON incident FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revision_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON revision FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fanout_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON fanout FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER notice_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON notice FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Law 1: a roster fan-out is exactly its roster version; every fan-out is exactly its count.
CREATE FUNCTION check_fanout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.notice_count <> (SELECT count(*) FROM notice WHERE revision_id = NEW.revision_id AND fanout_id = NEW.id) THEN
        RAISE EXCEPTION 'fan-out count is wrong';
    END IF;
    IF NEW.kind = 'roster' AND (
        NEW.notice_count <> (SELECT bank_count FROM roster_version WHERE version = NEW.roster_version)
        OR NEW.notice_count <> (SELECT count(*) FROM notice n
            JOIN roster_leaf l ON l.version = NEW.roster_version AND l.bank_id = n.bank_id
            WHERE n.revision_id = NEW.revision_id AND n.fanout_id = NEW.id)) THEN
        RAISE EXCEPTION 'fan-out is not its roster';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fanout_is_complete AFTER INSERT ON fanout FOR EACH ROW EXECUTE FUNCTION check_fanout();
