"""Whose books these are, as the first accounting file said."""

from __future__ import annotations

import psycopg

_NAME = "org_number"


def read_company(connection: psycopg.Connection) -> str | None:
    """The company's registration number; None while no accounting file was read."""
    row = connection.execute("SELECT value FROM ledger_settings WHERE name = %s", [_NAME]).fetchone()
    return None if row is None else str(row[0])


def keep_company(connection: psycopg.Connection, number: str) -> None:
    """Stores the company's registration number, unless one is stored already."""
    connection.execute("INSERT INTO ledger_settings VALUES (%s, %s) ON CONFLICT DO NOTHING", [_NAME, number])
