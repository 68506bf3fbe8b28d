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
