-- Whose an endpoint is: challenges that were sent to it, and answers that showed its secret. An endpoint from before this
-- has neither, and counts as not proven.

CREATE TABLE endpoint_challenge (
    message_id uuid PRIMARY KEY REFERENCES message,
    delivery_id uuid NOT NULL,
    endpoint_id uuid NOT NULL REFERENCES endpoint,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX endpoint_challenge_of ON endpoint_challenge (endpoint_id, message_id);

CREATE TABLE endpoint_proof (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES endpoint,
    message_id uuid NOT NULL REFERENCES endpoint_challenge,
    attempt_id uuid NOT NULL UNIQUE REFERENCES attempt,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX endpoint_proof_of ON endpoint_proof (endpoint_id, id);

-- An endpoint that shall take the place of another, which receives beside it until the new one is proven.
CREATE TABLE endpoint_replacement (
    endpoint_id uuid PRIMARY KEY REFERENCES endpoint, -- the new one
    replaces uuid NOT NULL REFERENCES endpoint,
    recorded_at timestamptz NOT NULL,
    CHECK (endpoint_id <> replaces)
);
CREATE INDEX endpoint_replacement_of ON endpoint_replacement (replaces);

-- Facts are appended (law 5).
CREATE TRIGGER endpoint_challenge_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_challenge FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER endpoint_proof_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_proof FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER endpoint_replacement_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON endpoint_replacement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
