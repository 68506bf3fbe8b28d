"""The ledger's PostgreSQL: connections, migrations, frames in and out, and replacing a month.

It knows nothing of outside systems, of the rules, or of Dagster.
"""
