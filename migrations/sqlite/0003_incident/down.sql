DROP TABLE draft;
DROP TABLE notice;
DROP TABLE fanout;
DROP TABLE revision;
DROP TABLE incident;
