DROP TABLE self_check_turn;
DROP TABLE self_check;
