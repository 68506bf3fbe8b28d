-- Work that people ask for in the console: what was asked for, and which run of Dagster's does it.

CREATE TABLE run_requests (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    request_key  text NOT NULL CHECK (btrim(request_key) <> ''),
    job          text NOT NULL CHECK (btrim(job) <> ''),
    months       date[] NOT NULL CHECK (cardinality(months) > 0),
    person       text NOT NULL CHECK (btrim(person) <> ''),
    details      jsonb NOT NULL DEFAULT '{}',
    run_id       text,
    requested_at timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz,
    outcome      text CHECK (outcome IN ('SUCCESS', 'FAILURE', 'CANCELED', 'REFUSED', 'LOST')),
    message      text,
    CHECK ((ended_at IS NULL) = (outcome IS NULL)),
    CHECK (outcome IS NULL OR outcome = 'SUCCESS' OR message IS NOT NULL)
);
COMMENT ON TABLE run_requests IS
    'A row is a run that somebody asked for in the console. The same asked for twice while the first has not ended is one.';
COMMENT ON COLUMN run_requests.request_key IS 'What makes two requests the same: the job, its steps and months.';
COMMENT ON COLUMN run_requests.details IS 'What the end of the run needs to know, such as that its months are to be closed.';
COMMENT ON COLUMN run_requests.run_id IS 'The run of Dagster''s, which has the id of the request among its tags.';
COMMENT ON COLUMN run_requests.outcome IS
    'How the run ended, as Dagster says; REFUSED: Dagster did not take it; LOST: Dagster has no such run.';

CREATE UNIQUE INDEX run_requests_unended ON run_requests (request_key) WHERE ended_at IS NULL;
CREATE INDEX run_requests_by_time ON run_requests (requested_at DESC);

ALTER TABLE sync_executions ADD COLUMN request_id uuid REFERENCES run_requests;
CREATE INDEX sync_executions_by_request ON sync_executions (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX sync_executions_by_time ON sync_executions (created_at DESC, id DESC);
COMMENT ON COLUMN sync_executions.request_id IS
    'The request that made the row: it is pending until the request''s run takes it over, or ends without it.';
COMMENT ON TABLE sync_executions IS
    'A row for every execution of a step. While it runs, its process holds the advisory lock (7433, id); a running '
    'row whose lock is free belongs to a process that was killed. A pending one waits for the run of its request.';

ALTER TABLE crypto_invoices ADD COLUMN issue_date date;
COMMENT ON COLUMN crypto_invoices.issue_date IS 'The day that the invoice bears; null where whoever told of it did not say.';
