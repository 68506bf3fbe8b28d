-- Which run changed each month's rows of a table last: closing a month for good compares it with what was checked.

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
