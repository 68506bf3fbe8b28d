-- Alerts of one kind about several things, such as the jobs whose runs fail, are open side by side.

ALTER TABLE alerts ADD COLUMN subject text NOT NULL DEFAULT '';
COMMENT ON COLUMN alerts.subject IS 'What it is about, where one kind has several: the job of a failed run.';
DROP INDEX alerts_open;
CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE cleared_at IS NULL;
