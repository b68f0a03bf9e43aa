DROP TABLE endpoint_replacement;
DROP TABLE endpoint_proof;
DROP TABLE endpoint_challenge;
