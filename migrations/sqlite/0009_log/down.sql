DROP TABLE log_head;
DROP TABLE log_pending;
DROP TABLE log_seal;
DROP TABLE log_checkpoint;
DROP TABLE log_batch;
DROP TABLE log_tile;
DROP TABLE log_run;
DROP TABLE log_entry;
