DROP INDEX delivery_of_message;
DROP TABLE late_joiner;
DROP TABLE observer;
