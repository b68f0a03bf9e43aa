DROP TABLE notice_status;
DROP TABLE task_event;
DROP TABLE response;
DROP TABLE acknowledgement;
DROP TABLE notice_level;
