DROP TABLE endpoint_replacement CASCADE;
DROP TABLE endpoint_proof CASCADE;
DROP TABLE endpoint_challenge CASCADE;
