DROP TABLE deferral_end;
DROP TABLE deferral;
DROP TABLE warning_given;
DROP TABLE lapse_turn;
DROP TRIGGER draft_kept;
ALTER TABLE draft DROP COLUMN discarded_by;
ALTER TABLE draft DROP COLUMN report_id;
DROP TABLE bank_report_end;
DROP TABLE bank_report;
