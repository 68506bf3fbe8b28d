"""What is kept of time entries, and the companies that their departments may be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import copy_out, select_list
from ledger_pipelines.tables.codex import COMPANIES
from ledger_pipelines.tables.freshservice import TIME_ENTRIES


def read_known_entries(connection: psycopg.Connection, closed: Sequence[date]) -> pa.Table:
    """Each time entry of these closed months once, as the last of them has it."""
    if not closed:
        return TIME_ENTRIES.schema.empty_table()
    query = sql.SQL(
        "SELECT DISTINCT ON (id) {columns} FROM time_entries WHERE month IN ({months}) ORDER BY id, month DESC"
    ).format(columns=select_list(TIME_ENTRIES.schema), months=sql.SQL(", ").join(map(sql.Literal, closed)))
    return copy_out(connection, query, TIME_ENTRIES.schema)


def read_open_entries(connection: psycopg.Connection, closed: Sequence[date]) -> pa.Table:
    """All time entries of months that are not among these."""
    schema = TIME_ENTRIES.schema
    query = sql.SQL("SELECT {} FROM time_entries").format(select_list(schema))
    if closed:
        months = sql.SQL(", ").join(map(sql.Literal, closed))
        query = sql.SQL("{} WHERE month NOT IN ({})").format(query, months)
    return copy_out(connection, query, schema)


def read_first_tickets(connection: psycopg.Connection, closed: Sequence[date], schema: pa.Schema) -> pa.Table:
    """Each time entry of these closed months once, with the ticket that the first of them has it with.

    `schema` names columns of `time_entries`.
    """
    if not closed:
        return schema.empty_table()
    query = sql.SQL(
        "SELECT DISTINCT ON (id) {columns} FROM time_entries WHERE month IN ({months}) ORDER BY id, month"
    ).format(columns=select_list(schema), months=sql.SQL(", ").join(map(sql.Literal, closed)))
    return copy_out(connection, query, schema)


def read_present_companies(connection: psycopg.Connection) -> pa.Table:
    """Account numbers and names of the latest month that has companies."""
    schema = COMPANIES.part(("account_number", "name"))
    query = sql.SQL("SELECT {} FROM companies WHERE month = (SELECT max(month) FROM companies)")
    return copy_out(connection, query.format(select_list(schema)), schema)
