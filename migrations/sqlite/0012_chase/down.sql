ALTER TABLE notice_status DROP COLUMN told_out_of_band;
DROP TABLE duty;
DROP TABLE operator_clock;
DROP TABLE chase;
DROP TABLE clock_step;
DROP TABLE phone_task_event;
DROP TABLE out_of_band_contact;
DROP TABLE chase_step;
