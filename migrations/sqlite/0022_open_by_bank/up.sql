-- What is due stands bank by bank: none hides what is due for another, and one without a place costs nothing.
DROP INDEX delivery_open;
-- Written with OR: SQLite sees that state = 'due' implies it, which it does not see of IN.
CREATE INDEX delivery_open ON delivery (channel, state, bank_id, due_at, id, fanout_id)
WHERE state = 'due' OR state = 'waiting' OR state = 'leased';
-- Whether any retry is due at all.
CREATE INDEX delivery_retry ON delivery (channel, due_at) WHERE state = 'waiting';
