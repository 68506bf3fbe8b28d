-- The ledger itself: its months and what is known of each, the work of the system, what people changed, and alerts.
--
-- A month is the date of its first day. Every table that an asset fills is partitioned by `month`
-- and listed in ledger_month_tables; its partitions are made when a month is first written.

CREATE TABLE ledger_settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);
COMMENT ON TABLE ledger_settings IS 'What is decided once for this database, such as its first month.';

CREATE TABLE ledger_periods (
    month      date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    status     text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    closed_at  timestamptz,
    closed_by  text,
    CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((status = 'closed') = (closed_by IS NOT NULL))
);
COMMENT ON TABLE ledger_periods IS 'A row for each month that was ever written; a closed month is never rewritten.';

CREATE TABLE ledger_period_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month       date NOT NULL REFERENCES ledger_periods,
    action      text NOT NULL CHECK (action IN ('closed', 'reopened')),
    happened_at timestamptz NOT NULL DEFAULT now(),
    person      text NOT NULL,
    reason      text,
    CHECK (action <> 'reopened' OR length(btrim(reason)) > 0)
);
COMMENT ON TABLE ledger_period_events IS 'Who closed or reopened a month, when and why. Rows are only ever added.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps its rows for ever: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_period_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON ledger_period_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE VIEW ledger_month_tables AS
    SELECT c.relname::text AS table_name
    FROM pg_partitioned_table p
    JOIN pg_class c ON c.oid = p.partrelid
    WHERE c.relnamespace = 'ledger'::regnamespace;
COMMENT ON VIEW ledger_month_tables IS 'The tables that are partitioned by month.';

CREATE FUNCTION month_partition(table_name text, month date) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT table_name || to_char(month, '_YYYY_MM')
$$;

CREATE FUNCTION refuse_closed_month() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the month of % is closed: % is refused; reopen it first', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

-- The refusal is a trigger on the closed partition alone, so that open months are copied into at full speed.
CREATE FUNCTION freeze_partition(table_name text, month date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER closed_month BEFORE INSERT OR UPDATE OR DELETE ON ledger.%I '
                   'FOR EACH ROW EXECUTE FUNCTION refuse_closed_month()', month_partition(table_name, month));
    EXECUTE format('CREATE OR REPLACE TRIGGER closed_month_truncate BEFORE TRUNCATE ON ledger.%I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION refuse_closed_month()', month_partition(table_name, month));
END $$;

-- PostgreSQL hands row triggers on to partitions, and no statement triggers: without them, a statement straight into a
-- partition would pass unseen.
CREATE FUNCTION copy_statement_triggers(table_name text, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    definition text;
BEGIN
    FOR definition IN
        SELECT pg_get_triggerdef(oid) FROM pg_trigger
        WHERE tgrelid = format('ledger.%I', table_name)::regclass AND NOT tgisinternal AND tgtype & 1 = 0
    LOOP
        EXECUTE replace(definition, format(' ON ledger.%I ', table_name),
                        format(' ON ledger.%I ', month_partition(table_name, month)));
    END LOOP;
END $$;

CREATE FUNCTION ensure_month(table_name text, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    partition_name text := month_partition(table_name, month);
BEGIN
    INSERT INTO ledger_periods (month) VALUES (ensure_month.month) ON CONFLICT DO NOTHING;
    IF to_regclass(format('ledger.%I', partition_name)) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Two runs may want the same new month at once: one makes it, the other waits and finds it.
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger.ensure_month:' || partition_name, 0));
    EXECUTE format('CREATE TABLE IF NOT EXISTS ledger.%I PARTITION OF ledger.%I FOR VALUES FROM (%L) TO (%L)',
                   partition_name, table_name, month, (month + interval '1 month')::date);
    PERFORM copy_statement_triggers(table_name, month);
    -- A table that came after the month was closed: its partition of a closed month is closed, too.
    IF EXISTS (SELECT FROM ledger_periods p WHERE p.month = ensure_month.month AND p.status = 'closed') THEN
        PERFORM freeze_partition(table_name, month);
    END IF;
END $$;

CREATE FUNCTION freeze_month(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT table_name FROM ledger_month_tables ORDER BY 1 LOOP
        PERFORM ensure_month(name, month);
        PERFORM freeze_partition(name, month);
    END LOOP;
END $$;

CREATE FUNCTION thaw_month(month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT table_name FROM ledger_month_tables ORDER BY 1 LOOP
        IF to_regclass(format('ledger.%I', month_partition(name, month))) IS NOT NULL THEN
            EXECUTE format('DROP TRIGGER IF EXISTS closed_month ON ledger.%I', month_partition(name, month));
            EXECUTE format('DROP TRIGGER IF EXISTS closed_month_truncate ON ledger.%I', month_partition(name, month));
        END IF;
    END LOOP;
END $$;

-- What is known of each month beside its rows.

CREATE TABLE month_snapshots (
    month       date NOT NULL REFERENCES ledger_periods,
    table_name  text NOT NULL,
    snapshot_at timestamptz NOT NULL,
    is_complete boolean NOT NULL,
    PRIMARY KEY (month, table_name)
);
COMMENT ON TABLE month_snapshots IS
    'When each month''s rows of a table were read from their source, and whether all of them could be read. Kept '
    'apart from the rows, so that reading an unchanged source again changes no row.';

CREATE TABLE snapshot_gaps (
    month          date NOT NULL REFERENCES ledger_periods,
    table_name     text NOT NULL,
    account_number text NOT NULL,
    PRIMARY KEY (month, table_name, account_number)
);
COMMENT ON TABLE snapshot_gaps IS
    'Companies whose devices, people or tickets could not be read, or were not believed, when the month''s rows were '
    'taken: what was read before is kept. Empty for a month once it is read in full.';

-- Closing a month for good compares it with what was checked.
CREATE TABLE month_writes (
    month      date NOT NULL REFERENCES ledger_periods,
    table_name text NOT NULL,
    version    bigint NOT NULL,
    written_by text,
    PRIMARY KEY (month, table_name)
);
COMMENT ON TABLE month_writes IS
    'Raised by one, in the same transaction, whenever a month''s rows of a table are replaced by other ones.';
COMMENT ON COLUMN month_writes.written_by IS 'The run of Dagster that did so last; null where it was none.';

-- What the checks of a month found last, so that a person sees it beside the month, and not only in Dagster's history.
CREATE TABLE check_results (
    month       date NOT NULL CHECK (extract(day FROM month) = 1),
    asset_name  text NOT NULL,
    check_name  text NOT NULL,
    records     bigint NOT NULL CHECK (records >= 0),
    is_error    boolean NOT NULL,
    description text,
    run_id      text NOT NULL,
    checked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (month, asset_name, check_name)
);
COMMENT ON TABLE check_results IS 'A row is a check of an asset in a month, as it was found last; records = 0 is a pass.';
COMMENT ON COLUMN check_results.records IS 'how many records break the rule';
COMMENT ON COLUMN check_results.is_error IS 'true: the month cannot be closed while it fails; false: a warning';

CREATE TABLE history_starts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    month      date NOT NULL CHECK (extract(day FROM month) = 1),
    person     text NOT NULL,
    reason     text NOT NULL CHECK (length(btrim(reason)) > 0),
    decided_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE history_starts IS
    'Who said that there is nothing before a month, and why: earlier months need not be read. The latest row counts; '
    'rows are only ever added.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON history_starts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON history_starts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What the system keeps about its own work.

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

-- What sources sent that could not be used, and how much each sent.

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
    is_blocking      boolean NOT NULL DEFAULT true,
    UNIQUE (integration_name, operation_type, entity_type, external_id),
    CHECK (is_resolved = (resolved_at IS NOT NULL)),
    CHECK (is_ignored = (ignored_at IS NOT NULL))
);
COMMENT ON COLUMN integration_errors.months IS
    'The months that the record troubles; empty where the trouble is in the source''s present state.';
COMMENT ON COLUMN integration_errors.is_blocking IS
    'What the error names is missing from the books, or may be: while it is open, a month that it troubles is not '
    'closed for good. False: a field that bears on nothing could not be read, and the record counts all the same.';

CREATE TABLE source_lists (
    integration_name text NOT NULL,
    list_name        text NOT NULL,
    records          bigint NOT NULL,
    read_at          timestamptz NOT NULL,
    PRIMARY KEY (integration_name, list_name)
);
COMMENT ON TABLE source_lists IS
    'How many records each list of a source had when it was last read and believed: one that comes back far shorter '
    'is doubted.';

CREATE TABLE alerts (
    id               integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind             text NOT NULL,
    message          text NOT NULL,
    raised_at        timestamptz NOT NULL,
    cleared_at       timestamptz,
    raise_posted_at  timestamptz,
    clear_posted_at  timestamptz,
    subject          text NOT NULL DEFAULT '',
    CHECK (cleared_at >= raised_at)
);
CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE cleared_at IS NULL;
COMMENT ON TABLE alerts IS 'Each alert is raised once and cleared once; the times tell when the webhook heard of it.';
COMMENT ON COLUMN alerts.subject IS
    'What it is about, where one kind has several side by side, such as the job whose run failed.';

-- Who changed what of what people edit, whichever way: by a command, on a page, or with a database client.
CREATE TABLE edits (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    person     text NOT NULL,
    edited_at  timestamptz NOT NULL DEFAULT now(),
    before     jsonb,
    after      jsonb,
    CHECK (num_nonnulls(before, after) > 0)
);
CREATE INDEX edits_by_table ON edits (table_name, edited_at DESC);
COMMENT ON TABLE edits IS 'A row is one change of one row that people edit: before is null where it was new, after where it was removed.';
COMMENT ON COLUMN edits.person IS 'who, as the command knows it (the setting ledger.person), or the database''s user';

-- As its owner: who may edit need not be allowed to write what is kept of edits.
CREATE FUNCTION record_edit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    -- What accounting files and invoices bring of accounts and parties is no person's edit.
    IF current_setting('ledger.import', true) = 'on' THEN
        RETURN NULL;
    END IF;
    EXECUTE format('INSERT INTO %I.edits (table_name, person, before, after) VALUES ($1, $2, $3, $4)', TG_TABLE_SCHEMA)
    USING TG_TABLE_NAME,
          coalesce(nullif(current_setting('ledger.person', true), ''), session_user),
          CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
          CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    RETURN NULL;
END $$;

CREATE FUNCTION record_edits_of(table_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER record_insert_or_delete AFTER INSERT OR DELETE ON %I '
                   'FOR EACH ROW EXECUTE FUNCTION record_edit()', table_name);
    EXECUTE format('CREATE TRIGGER record_update AFTER UPDATE ON %I FOR EACH ROW '
                   'WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_edit()', table_name);
END $$;
COMMENT ON FUNCTION record_edits_of IS 'From then on each change of a row of this table, which people edit, is kept in edits.';
