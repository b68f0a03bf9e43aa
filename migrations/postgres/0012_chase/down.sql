ALTER TABLE notice_status DROP COLUMN told_out_of_band;
DROP TABLE duty CASCADE;
DROP TABLE operator_clock CASCADE;
DROP TABLE chase CASCADE;
DROP TABLE clock_step CASCADE;
DROP TABLE phone_task_event CASCADE;
DROP TABLE out_of_band_contact CASCADE;
DROP TABLE chase_step CASCADE;
