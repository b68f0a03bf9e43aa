DROP TABLE delivery;
DROP TABLE attempt_outcome;
DROP TABLE attempt;
DROP TABLE message;
