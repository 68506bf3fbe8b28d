"""Books as their readers want them: rows of any table, by months and values, and what is known of those months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import copy_out, select_list
from ledger_pipelines.store.edits.history import RecordedEdit, recorded
from ledger_pipelines.tables.table import MONTH, Table

#: Which rows are meant: those that have one of these values in each of these columns; None is no value.
Values = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class KnownMonths:
    """Of some months, which are closed, and which no run has ever read or computed for a table."""

    closed: tuple[date, ...]
    never_run: tuple[date, ...]


def read_books(
    connection: psycopg.Connection,
    table: Table,
    columns: Sequence[str],
    months: Sequence[date] | None,
    values: Values,
) -> pa.Table:
    """These columns of the table's rows, in the order of the key; of these months where the table has some."""
    key = (MONTH.name, *table.key) if table.is_monthly else table.key
    schema = table.part(dict.fromkeys([*columns, *key]))
    if months is not None and not months:
        return schema.empty_table().select(list(columns))
    conditions = [_is_among(name, wanted) for name, wanted in values.items()]
    if months is not None:
        conditions.append(_is_among(MONTH.name, months))
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        select_list(schema),
        sql.Identifier(table.name),
        sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true"),
    )
    # Here and not by the database, so that the order is the same whatever its collation.
    rows = copy_out(connection, query, schema).combine_chunks().sort_by([(name, "ascending") for name in key])
    return rows.select(list(columns))


def _is_among(name: str, wanted: Sequence[Any]) -> sql.Composable:
    column = sql.Identifier(name)
    given = [one for one in wanted if one is not None]
    parts: list[sql.Composable] = []
    if given:
        listed = sql.SQL(", ").join(map(sql.Literal, given))
        parts.append(sql.SQL("{} IN ({})").format(column, listed))
    if len(given) < len(wanted):
        parts.append(sql.SQL("{} IS NULL").format(column))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(parts)) if parts else sql.SQL("false")


def known_months(connection: psycopg.Connection, table: str, months: Sequence[date]) -> KnownMonths:
    """What is known of these months of a table."""
    if not months:
        return KnownMonths((), ())
    rows = connection.execute(
        sql.SQL(
            """SELECT m.month, coalesce(p.status = 'closed', false),
                   EXISTS (SELECT FROM month_snapshots s WHERE s.month = m.month AND s.table_name = %(table)s)
                   OR EXISTS (SELECT FROM month_writes w WHERE w.month = m.month AND w.table_name = %(table)s)
                   OR EXISTS (SELECT FROM {table} t WHERE t.month = m.month)
               FROM unnest(%(months)s::date[]) AS m (month) LEFT JOIN ledger_periods p USING (month) ORDER BY 1"""
        ).format(table=sql.Identifier(table)),
        {"table": table, "months": list(months)},
    ).fetchall()
    return KnownMonths(
        tuple(month for month, is_closed, _ in rows if is_closed),
        tuple(month for month, _, was_run in rows if not was_run),
    )


def has_books(connection: psycopg.Connection) -> bool:
    """Whether the database has a ledger's tables."""
    return connection.execute("SELECT to_regclass('ledger_periods') IS NOT NULL").fetchone() == (True,)


def read_edits(connection: psycopg.Connection, since: datetime | None) -> list[RecordedEdit]:
    """What people changed, since then or ever, in its order."""
    rows = connection.execute(
        """SELECT id, table_name, person, edited_at, reason, before::text, after::text FROM edits
           WHERE %(since)s::timestamptz IS NULL OR edited_at >= %(since)s ORDER BY id""",
        {"since": since},
    )
    return list(recorded(rows))
