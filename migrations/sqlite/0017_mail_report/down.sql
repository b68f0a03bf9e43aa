DROP TABLE mail_report;
