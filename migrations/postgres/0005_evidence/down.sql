DROP TABLE notice_status CASCADE;
DROP TABLE task_event CASCADE;
DROP TABLE response CASCADE;
DROP TABLE acknowledgement CASCADE;
DROP TABLE notice_level CASCADE;
