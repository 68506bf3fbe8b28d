-- The order in which the months were read, whatever the clock says: one that is set back must not make an older reading
-- the newest one.

CREATE SEQUENCE month_snapshots_readings;
ALTER TABLE month_snapshots ADD COLUMN reading bigint NOT NULL DEFAULT 0;
ALTER SEQUENCE month_snapshots_readings OWNED BY month_snapshots.reading;
COMMENT ON COLUMN month_snapshots.reading IS
    'Greater for what was read later; months that were read together have the same.';
COMMENT ON COLUMN month_snapshots.snapshot_at IS 'When it was read, by the clock of then; `reading` says what was last.';

UPDATE month_snapshots s SET reading = r.place
FROM (SELECT month, table_name, dense_rank() OVER (ORDER BY snapshot_at) AS place FROM month_snapshots) AS r
WHERE r.month = s.month AND r.table_name = s.table_name;
SELECT setval('month_snapshots_readings', max(reading)) FROM month_snapshots HAVING max(reading) > 0;
