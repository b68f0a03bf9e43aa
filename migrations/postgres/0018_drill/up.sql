-- Exercises: their schedule is a clock of the operator's own, and an incident never becomes one, nor stops being one.

ALTER TABLE clock_step DROP CONSTRAINT clock_step_phase_check;
ALTER TABLE clock_step ADD CONSTRAINT clock_step_phase_check
    CHECK (phase IN ('initial', 'intermediate', 'final', 'exercise'));

-- The last exercise is found without reading what was no exercise.
CREATE INDEX revision_exercise ON revision (accepted_at) WHERE kind = 'exercise';

CREATE FUNCTION revision_keeps_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind <> (SELECT kind FROM revision WHERE incident_id = NEW.incident_id AND number = 1) THEN
        RAISE EXCEPTION 'an incident stays actual, exercise or test';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER revision_keeps_kind BEFORE INSERT ON revision FOR EACH ROW WHEN (NEW.number > 1)
    EXECUTE FUNCTION revision_keeps_kind();
