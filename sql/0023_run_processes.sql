-- Which process executes a run: one that is gone is known at once, whatever it was doing.

CREATE TABLE run_processes (
    run_id        text PRIMARY KEY,
    place         text NOT NULL,
    pid           integer NOT NULL,
    started       text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    unheld_since  timestamptz
);
COMMENT ON TABLE run_processes IS
    'The process that executes a run of Dagster, from before the run begins. It also holds an advisory lock of the run.';
COMMENT ON COLUMN run_processes.place IS
    'The machine, its boot and its process namespace: only there does the process id say anything.';
COMMENT ON COLUMN run_processes.started IS
    'When the process began, as its machine counts: another process may have its id later.';
COMMENT ON COLUMN run_processes.unheld_since IS
    'Since when nobody holds the run''s lock, where the process is elsewhere and nothing else can be asked of it.';
