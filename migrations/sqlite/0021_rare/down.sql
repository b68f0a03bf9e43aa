DROP INDEX delivery_waiting;
DROP INDEX attempt_outcome_failed_at;
DROP INDEX attempt_outcome_mailed_of_bank;
DROP INDEX attempt_outcome_mailed;
DROP INDEX attempt_outcome_failed_of_bank;
DROP INDEX attempt_outcome_failed;
