DROP TRIGGER revision_keeps_kind ON revision;
DROP FUNCTION revision_keeps_kind();
DROP INDEX revision_exercise;
ALTER TABLE clock_step DROP CONSTRAINT clock_step_phase_check;
-- What was said of exercises stays on record.
ALTER TABLE clock_step ADD CONSTRAINT clock_step_phase_check
    CHECK (phase IN ('initial', 'intermediate', 'final')) NOT VALID;
