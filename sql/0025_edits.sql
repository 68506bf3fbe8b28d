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
    EXECUTE format('INSERT INTO %I.edits (table_name, person, before, after) VALUES ($1, $2, $3, $4)', TG_TABLE_SCHEMA)
    USING TG_TABLE_NAME,
          coalesce(nullif(current_setting('ledger.person', true), ''), session_user),
          CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
          CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    RETURN NULL;
END $$;

DO $$
DECLARE
    edited text;
BEGIN
    FOREACH edited IN ARRAY ARRAY['billing_plans', 'client_billing_overrides', 'asset_billing_overrides',
                                  'user_billing_overrides', 'client_feature_overrides', 'manual_assets', 'manual_users',
                                  'custom_line_items', 'service_terms', 'unpaid_cohorts', 'cfo_entity_mappings',
                                  'cfo_revenue_categories'] LOOP
        EXECUTE format('CREATE TRIGGER record_insert_or_delete AFTER INSERT OR DELETE ON %I '
                       'FOR EACH ROW EXECUTE FUNCTION record_edit()', edited);
        EXECUTE format('CREATE TRIGGER record_update AFTER UPDATE ON %I FOR EACH ROW '
                       'WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION record_edit()', edited);
    END LOOP;
END $$;
