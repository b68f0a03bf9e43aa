DROP TABLE sign_in_counter;
DROP TABLE session;
DROP TABLE preference;
DROP TABLE credential;
