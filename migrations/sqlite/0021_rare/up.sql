-- What is rare in the delivery log is found without reading what is common. An accepted webhook is in none of these.
CREATE INDEX attempt_outcome_failed ON attempt_outcome (outcome, channel, attempt_id, seq) WHERE outcome <> 'accepted';
CREATE INDEX attempt_outcome_failed_of_bank ON attempt_outcome (bank_id, outcome, channel, attempt_id, seq) WHERE outcome <> 'accepted';
CREATE INDEX attempt_outcome_mailed ON attempt_outcome (attempt_id, seq) WHERE channel = 'email';
CREATE INDEX attempt_outcome_mailed_of_bank ON attempt_outcome (bank_id, attempt_id, seq) WHERE channel = 'email';
CREATE INDEX attempt_outcome_failed_at ON attempt_outcome (target_id, attempt_id) WHERE outcome <> 'accepted';

-- When each address is tried again.
CREATE INDEX delivery_waiting ON delivery (target_id, due_at) WHERE state = 'waiting';
