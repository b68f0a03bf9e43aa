DROP INDEX delivery_retry;
DROP INDEX delivery_open;
CREATE INDEX delivery_open ON delivery (channel, state, due_at, id, bank_id, fanout_id)
WHERE state = 'due' OR state = 'waiting' OR state = 'leased';
