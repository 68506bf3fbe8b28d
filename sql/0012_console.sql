-- What the console adds to what people edit, to what is kept of edits, and to what is known of each run of billing.

ALTER TABLE client_billing_overrides
    ADD COLUMN support_level text,
    ADD COLUMN support_level_enabled boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN client_billing_overrides.support_level IS
    'What a statement shows in place of the company''s and the plan''s, where it is enabled and not null.';
ALTER TABLE manual_assets ADD COLUMN notes text;
ALTER TABLE manual_users ADD COLUMN notes text;
COMMENT ON COLUMN manual_assets.notes IS 'What people want to remember of it; on no statement.';
COMMENT ON COLUMN manual_users.notes IS 'What people want to remember of them; on no statement.';

ALTER TABLE edits
    ADD COLUMN reason text,
    ADD COLUMN transaction_id xid8;
ALTER TABLE edits ALTER COLUMN transaction_id SET DEFAULT pg_current_xact_id();
COMMENT ON COLUMN edits.reason IS 'why, where somebody said so (the setting ledger.reason)';
COMMENT ON COLUMN edits.transaction_id IS
    'The transaction that made it, by which one knows whether a run has seen it; null: before this was kept.';
CREATE INDEX edits_before ON edits USING gin (before jsonb_path_ops);
CREATE INDEX edits_after ON edits USING gin (after jsonb_path_ops);
CREATE INDEX edits_by_time ON edits (edited_at);
CREATE INDEX edits_by_transaction ON edits (transaction_id);

-- Also where triggers are switched off for a session, as loading a dump does.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON edits FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON edits FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE edits ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE edits ENABLE ALWAYS TRIGGER append_only_truncate;

CREATE OR REPLACE FUNCTION record_edit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    person text := coalesce(nullif(current_setting('ledger.person', true), ''), session_user);
    reason text := nullif(btrim(current_setting('ledger.reason', true)), '');
BEGIN
    -- What accounting files and invoices bring of accounts and parties is no person's edit.
    IF current_setting('ledger.import', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('INSERT INTO %1$I.edits (table_name, person, reason, before) '
                       'SELECT $1, $2, $3, to_jsonb(t) FROM %1$I.%2$I AS t', TG_TABLE_SCHEMA, TG_TABLE_NAME)
        USING TG_TABLE_NAME, person, reason;
        RETURN NULL;
    END IF;
    EXECUTE format('INSERT INTO %I.edits (table_name, person, reason, before, after) VALUES ($1, $2, $3, $4, $5)',
                   TG_TABLE_SCHEMA)
    USING TG_TABLE_NAME, person, reason,
          CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
          CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION record_edits_of(table_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER record_insert_or_delete AFTER INSERT OR DELETE ON %I '
                   'FOR EACH ROW EXECUTE FUNCTION record_edit()', table_name);
    EXECUTE format('CREATE OR REPLACE TRIGGER record_update AFTER UPDATE ON %I FOR EACH ROW '
                   'WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_edit()', table_name);
    -- Before it is done: afterwards there is nothing left to keep.
    EXECUTE format('CREATE OR REPLACE TRIGGER record_truncate BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION record_edit()', table_name);
END $$;

SELECT record_edits_of(edited) FROM (
    SELECT tgrelid::regclass::text FROM pg_trigger
    WHERE tgname = 'record_update' AND NOT tgisinternal AND tgfoid = 'record_edit'::regproc
    UNION SELECT 'feature_options') AS t (edited);

-- What a draft month's statements were billed by: whether an edit is on them is asked of this.
CREATE TABLE billing_runs (
    month    date PRIMARY KEY REFERENCES ledger_periods,
    read_at  timestamptz NOT NULL,
    snapshot pg_snapshot NOT NULL
);
COMMENT ON TABLE billing_runs IS
    'When the edits were read that the month''s statements were billed by last, and which transactions were over then.';
COMMENT ON COLUMN billing_runs.snapshot IS
    'An edit whose transaction was not over is not on the statements, whenever it began. In a database that was loaded '
    'from a dump transactions are counted anew, and read_at tells.';

-- Whose hours bear on a company that a ticket was moved away from.
CREATE INDEX tickets_moved ON tickets (moved_from) WHERE moved_from IS NOT NULL;
