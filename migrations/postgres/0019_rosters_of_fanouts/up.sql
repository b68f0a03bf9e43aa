-- What a bank was not told: the fan-outs under rosters without it, instead of all there ever were.
CREATE INDEX fanout_of_roster ON fanout (roster_version, id);
