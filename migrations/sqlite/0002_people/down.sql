DROP TABLE guess_counter;
DROP TABLE idempotency;
DROP TABLE api_key;
DROP TABLE invitation;
DROP TABLE approval;
DROP TABLE approval_request;
DROP TABLE role_grant;
DROP TABLE person;
