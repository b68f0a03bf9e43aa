ALTER TABLE session DROP COLUMN confirmed_at;
DROP TABLE recovery;
