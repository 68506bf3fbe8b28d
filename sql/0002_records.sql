-- What the system keeps about its own work: executions of steps, and records that could not be used.

CREATE TABLE sync_executions (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step_name     text NOT NULL,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    started_at    timestamptz,
    completed_at  timestamptz,
    error_message text,
    metadata      jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((status IN ('completed', 'failed')) = (completed_at IS NOT NULL)),
    CHECK (status <> 'failed' OR error_message IS NOT NULL)
);
CREATE INDEX sync_executions_by_step ON sync_executions (step_name, created_at DESC);
CREATE INDEX sync_executions_unfinished ON sync_executions (id) WHERE status IN ('pending', 'running');
COMMENT ON TABLE sync_executions IS
    'A row for every execution of a step. While it runs, its process holds the advisory lock (7433, id); a running '
    'row whose lock is free belongs to a process that was killed.';

CREATE TABLE integration_errors (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_name text NOT NULL,
    operation_type   text NOT NULL,
    entity_type      text NOT NULL,
    external_id      text NOT NULL,
    error_message    text NOT NULL,
    error_details    jsonb NOT NULL DEFAULT '{}',
    months           date[] NOT NULL DEFAULT '{}',
    first_seen_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at     timestamptz NOT NULL DEFAULT now(),
    occurrences      integer NOT NULL DEFAULT 1 CHECK (occurrences > 0),
    is_resolved      boolean NOT NULL DEFAULT false,
    resolved_at      timestamptz,
    resolution_notes text,
    is_ignored       boolean NOT NULL DEFAULT false,
    ignored_at       timestamptz,
    ignore_notes     text,
    UNIQUE (integration_name, operation_type, entity_type, external_id),
    CHECK (is_resolved = (resolved_at IS NOT NULL)),
    CHECK (is_ignored = (ignored_at IS NOT NULL))
);
COMMENT ON COLUMN integration_errors.months IS
    'The months that the record troubles; empty where the trouble is in the source''s present state.';
