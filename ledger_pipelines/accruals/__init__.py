"""The rules of accruals (rules/accruals.md): contracts and service periods in, recognised revenue out.

Pure: no database, no HTTP, no Dagster, no clock, no environment. `inputs` says what the rule reads, `outputs`
what it gives; `recognition` goes through the months, `release` holds the seven steps, `progress` the share of a contract
that its periods have delivered.
"""
