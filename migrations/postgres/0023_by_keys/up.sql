-- How many earlier notices a stamp covers.
CREATE INDEX acknowledgement_covered ON acknowledgement (covered_by) WHERE covered_by IS NOT NULL;
-- As before, and of each notice its leaf by the key: joined, and planned while the roster was small, every notice walked all
-- of a roster that had grown.
CREATE OR REPLACE FUNCTION check_fanout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.notice_count <> (SELECT count(*) FROM notice WHERE revision_id = NEW.revision_id AND fanout_id = NEW.id) THEN
        RAISE EXCEPTION 'fan-out count is wrong';
    END IF;
    IF NEW.kind = 'roster' AND (
        NEW.notice_count <> (SELECT bank_count FROM roster_version WHERE version = NEW.roster_version)
        OR NEW.notice_count <> (SELECT count(*) FROM notice n
            WHERE n.revision_id = NEW.revision_id AND n.fanout_id = NEW.id
            AND (SELECT 1 FROM roster_leaf l WHERE l.version = NEW.roster_version AND l.bank_id = n.bank_id) IS NOT NULL)) THEN
        RAISE EXCEPTION 'fan-out is not its roster';
    END IF;
    RETURN NULL;
END $$;
