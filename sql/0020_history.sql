-- The ledger's past: which months of it were read from the sources, and where a person says that it begins.

-- Until now a month's documents and service periods were read whenever its contacts and clients were.
INSERT INTO month_snapshots
SELECT month, CASE table_name WHEN 'holded_contacts' THEN 'invoices' ELSE 'enrollments' END, snapshot_at, is_complete
FROM month_snapshots WHERE table_name IN ('holded_contacts', 'clients')
ON CONFLICT DO NOTHING;

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
