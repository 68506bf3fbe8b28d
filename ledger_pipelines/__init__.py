"""ledger_pipelines: the monthly close of a service business, as a Dagster project."""
