CREATE OR REPLACE FUNCTION check_fanout() RETURNS trigger LANGUAGE plpgsql AS $$
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
DROP INDEX acknowledgement_covered;
