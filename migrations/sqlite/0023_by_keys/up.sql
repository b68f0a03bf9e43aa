-- How many earlier notices a stamp covers.
CREATE INDEX acknowledgement_covered ON acknowledgement (covered_by) WHERE covered_by IS NOT NULL;
