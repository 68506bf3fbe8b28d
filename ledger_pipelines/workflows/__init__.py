"""Use cases: read, apply the rule, write. No Dagster and no printing: outcomes are data."""
