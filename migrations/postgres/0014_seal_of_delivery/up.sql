-- A delivery knows the fan-out whose seal it waits for: what is due is found without reading its notice.
ALTER TABLE delivery ADD COLUMN fanout_id uuid;
UPDATE delivery SET fanout_id = (SELECT notice.fanout_id FROM notice WHERE notice.id = delivery.notice_id)
WHERE notice_id IS NOT NULL;
DROP INDEX delivery_open;
-- Written with OR: SQLite sees that state = 'due' implies it, which it does not see of IN.
CREATE INDEX delivery_open ON delivery (channel, state, due_at, id, bank_id, fanout_id)
WHERE state = 'due' OR state = 'waiting' OR state = 'leased';
