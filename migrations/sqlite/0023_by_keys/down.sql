DROP INDEX acknowledgement_covered;
