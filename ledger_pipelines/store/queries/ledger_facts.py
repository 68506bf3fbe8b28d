"""What a person asks of a ledger's database first: its version, its first month, and whether `ledger up` runs on it."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

#: The name that a running `ledger up` connects by, with its process behind it.
UP_APPLICATION = "ledger up "


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The server's version, the last migration, the first month as it is kept, and the process of the `ledger up`."""

    server_version: str
    migration: int
    first_month: str
    up_process: str | None


def read_facts(connection: psycopg.Connection) -> LedgerFacts:
    """The facts of a migrated ledger. Raises psycopg.Error where it is not migrated."""
    (row,) = connection.execute(
        """SELECT split_part(current_setting('server_version'), ' ', 1),
                  (SELECT max(version) FROM schema_migrations),
                  (SELECT value FROM ledger_settings WHERE name = 'first_month'),
                  (SELECT replace(application_name, %(name)s, '') FROM pg_stat_activity
                   WHERE starts_with(application_name, %(name)s) AND datname = current_database()
                     AND pid <> pg_backend_pid() LIMIT 1)""",
        {"name": UP_APPLICATION},
    ).fetchall()
    return LedgerFacts(*row)
