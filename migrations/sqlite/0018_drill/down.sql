DROP TRIGGER revision_keeps_kind;
DROP INDEX revision_exercise;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql,
        'CHECK (phase IN (''initial'', ''intermediate'', ''final'', ''exercise''))',
        'CHECK (phase IN (''initial'', ''intermediate'', ''final''))')
    WHERE type = 'table' AND name = 'clock_step';
PRAGMA writable_schema = RESET;
