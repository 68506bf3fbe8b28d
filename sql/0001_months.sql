-- Months: which are closed, what was done to them, and the partitions that hold their rows.
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
    -- A table that came with a later migration: its partition of a closed month is closed, too.
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
