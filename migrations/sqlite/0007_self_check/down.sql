DROP INDEX log_pending_of_subject;
DROP TABLE self_check_turn;
DROP TABLE self_check;
