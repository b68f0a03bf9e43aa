-- Exercises: their schedule is a clock of the operator's own, and an incident never becomes one, nor stops being one.

PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
        'CHECK (phase IN (''initial'', ''intermediate'', ''final''))',
        'CHECK (phase IN (''initial'', ''intermediate'', ''final'', ''exercise''))')
    WHERE type = 'table' AND name = 'clock_step';
PRAGMA writable_schema = RESET;

-- The last exercise is found without reading what was no exercise.
CREATE INDEX revision_exercise ON revision (accepted_at) WHERE kind = 'exercise';

CREATE TRIGGER revision_keeps_kind BEFORE INSERT ON revision WHEN NEW.number > 1 AND NEW.kind <> (
    SELECT kind FROM revision WHERE incident_id = NEW.incident_id AND number = 1
) BEGIN SELECT RAISE(ABORT, 'an incident stays actual, exercise or test'); END;
