DROP TABLE deferral_end CASCADE;
DROP TABLE deferral CASCADE;
DROP TABLE warning_given;
DROP TABLE lapse_turn;
ALTER TABLE draft DROP COLUMN report_id;
DROP TABLE bank_report_end CASCADE;
DROP TABLE bank_report CASCADE;
