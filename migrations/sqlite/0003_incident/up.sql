-- What happened, revision by revision, and who is owed it.

CREATE TABLE incident (
    id BLOB PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    opened_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Revisions and notices have rowids: their rows are long, and a tree of long rows is deep.
CREATE TABLE revision (
    id BLOB NOT NULL PRIMARY KEY,
    incident_id BLOB NOT NULL REFERENCES incident,
    number INTEGER NOT NULL CHECK (number >= 1),
    phase TEXT NOT NULL CHECK (phase IN ('initial', 'intermediate', 'final', 'withdrawal')),
    determination TEXT NOT NULL,
    severity TEXT NOT NULL,
    urgency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'resolved', 'closed')),
    tlp TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('actual', 'exercise', 'test')),
    title_ja TEXT NOT NULL,
    title_en TEXT NOT NULL,
    search_text TEXT NOT NULL, -- lower-case, for the officer's search
    body BLOB NOT NULL, -- the shared body, canonical; hashed as it stands
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    contacts_id BLOB, -- the operator's contact persons, in the erasable store
    accepted_at INTEGER NOT NULL,
    accepted_by BLOB NOT NULL REFERENCES person,
    approval_id BLOB REFERENCES approval,
    fanout_id BLOB NOT NULL REFERENCES fanout DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (incident_id, number),
    UNIQUE (fanout_id), -- closing a fan-out looks up the revision that waits for it
    CHECK ((phase = 'withdrawal') = (approval_id IS NOT NULL)),
    CHECK (NOT (phase = 'intermediate' AND status = 'closed')),
    CHECK (NOT (phase = 'final' AND status = 'open'))
) STRICT;

-- All notices of one revision; inserted last, and refused unless they are all there.
CREATE TABLE fanout (
    id BLOB PRIMARY KEY,
    revision_id BLOB NOT NULL REFERENCES revision,
    kind TEXT NOT NULL CHECK (kind IN ('roster', 'former', 'late_joiner', 'observer')),
    n INTEGER NOT NULL CHECK (n >= 1),
    roster_version INTEGER NOT NULL REFERENCES roster_version,
    notice_count INTEGER NOT NULL CHECK (notice_count >= 1),
    notices_root BLOB NOT NULL CHECK (length(notices_root) = 32),
    salt_id BLOB NOT NULL, -- the seed of the notice salts, in the erasable store
    issued_at INTEGER NOT NULL,
    UNIQUE (revision_id, kind, n)
) STRICT, WITHOUT ROWID;

-- One revision owed to one bank.
CREATE TABLE notice (
    id BLOB NOT NULL PRIMARY KEY,
    revision_id BLOB NOT NULL REFERENCES revision,
    -- Not a foreign key: closing a fan-out would look for every notice that waits for it; its trigger counts them.
    fanout_id BLOB NOT NULL,
    incident_id BLOB NOT NULL,
    bank_id BLOB NOT NULL REFERENCES bank,
    number INTEGER NOT NULL CHECK (number >= 1),
    -- Written with OR: SQLite builds a table for every longer IN, at every row.
    reason TEXT NOT NULL CHECK (reason = 'partner' OR reason = 'affected' OR reason = 'former' OR reason = 'late_joiner' OR reason = 'observer'),
    exposed INTEGER NOT NULL,
    concerns_you INTEGER NOT NULL,
    acknowledge_by INTEGER NOT NULL,
    object BLOB NOT NULL, -- the notice object, canonical; hashed as it stands
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    commitment BLOB NOT NULL CHECK (length(commitment) = 32), -- salted, to the notice object
    facts BLOB NOT NULL CHECK (length(facts) = 32), -- salted, to this row and that of its message
    channels TEXT NOT NULL, -- over which it went at once, with a space between
    issued_at INTEGER NOT NULL,
    UNIQUE (revision_id, bank_id),
    UNIQUE (bank_id, number)
) STRICT;

-- STATE -------------------------------------------------------------------------------------------

-- A filing in preparation. Never deleted: discarded with a reason, or issued.
CREATE TABLE draft (
    id BLOB PRIMARY KEY,
    author BLOB NOT NULL REFERENCES person,
    payload_id BLOB NOT NULL, -- the filing as far as it is known, in the erasable store
    version INTEGER NOT NULL CHECK (version >= 1),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    discarded_at INTEGER,
    discard_reason TEXT,
    revision_id BLOB REFERENCES revision,
    CHECK ((discarded_at IS NULL) = (discard_reason IS NULL)),
    CHECK (discarded_at IS NULL OR revision_id IS NULL)
) STRICT, WITHOUT ROWID;

-- Facts are appended (law 5).
CREATE TRIGGER incident_no_update BEFORE UPDATE ON incident BEGIN SELECT RAISE(ABORT, 'incident is append-only'); END;
CREATE TRIGGER incident_no_delete BEFORE DELETE ON incident BEGIN SELECT RAISE(ABORT, 'incident is append-only'); END;
CREATE TRIGGER revision_no_update BEFORE UPDATE ON revision BEGIN SELECT RAISE(ABORT, 'revision is append-only'); END;
CREATE TRIGGER revision_no_delete BEFORE DELETE ON revision BEGIN SELECT RAISE(ABORT, 'revision is append-only'); END;
CREATE TRIGGER fanout_no_update BEFORE UPDATE ON fanout BEGIN SELECT RAISE(ABORT, 'fanout is append-only'); END;
CREATE TRIGGER fanout_no_delete BEFORE DELETE ON fanout BEGIN SELECT RAISE(ABORT, 'fanout is append-only'); END;
CREATE TRIGGER notice_no_update BEFORE UPDATE ON notice BEGIN SELECT RAISE(ABORT, 'notice is append-only'); END;
CREATE TRIGGER notice_no_delete BEFORE DELETE ON notice BEGIN SELECT RAISE(ABORT, 'notice is append-only'); END;

-- Law 1: a roster fan-out is exactly its roster version; every fan-out is exactly its count.
CREATE TRIGGER fanout_is_complete AFTER INSERT ON fanout BEGIN
    SELECT RAISE(ABORT, 'fan-out count is wrong') WHERE NEW.notice_count <>
        (SELECT count(*) FROM notice WHERE revision_id = NEW.revision_id AND fanout_id = NEW.id);
    SELECT RAISE(ABORT, 'fan-out is not its roster') WHERE NEW.kind = 'roster' AND (
        NEW.notice_count <> (SELECT bank_count FROM roster_version WHERE version = NEW.roster_version)
        OR NEW.notice_count <> (SELECT count(*) FROM notice n
            JOIN roster_leaf l ON l.version = NEW.roster_version AND l.bank_id = n.bank_id
            WHERE n.revision_id = NEW.revision_id AND n.fanout_id = NEW.id));
END;
