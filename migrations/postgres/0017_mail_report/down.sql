DROP TABLE mail_report CASCADE;
