DROP INDEX fanout_of_roster;
