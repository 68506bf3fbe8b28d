"""The baseline: moving the same bytes through COPY, and doing nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date

import psycopg
import pyarrow as pa
from psycopg import sql

from ledger_pipelines.store.copy import csv_parts, select_list, table_schema

#: For each table, the columns and the months to read; all of a column's rows where there are no months.
Reads = Mapping[str, tuple[Sequence[str], Sequence[date]]]


def copy_out(connection: psycopg.Connection, reads: Reads) -> tuple[float, int]:
    """Copies the columns out and drops them; the seconds and the rows."""
    rows = 0
    began = time.perf_counter()
    for table, (columns, months) in reads.items():
        schema = table_schema(connection, table)
        wanted = select_list(pa.schema([schema.field(name) for name in columns]))
        query = sql.SQL("COPY (SELECT {} FROM {} WHERE month IN ({})) TO STDOUT (FORMAT csv)").format(
            wanted, sql.Identifier(table), sql.SQL(", ").join(map(sql.Literal, months))
        )
        with connection.cursor() as cursor:
            with cursor.copy(query) as copy:
                for _ in copy:
                    pass
            rows += cursor.rowcount
    return time.perf_counter() - began, rows


#: A frame's columns, and its rows as bytes that COPY can take.
Body = tuple[list[str], bytes]


def ready(frames: Mapping[str, pa.Table]) -> dict[str, Body]:
    """The frames as COPY can take them."""
    return {table: (frame.column_names, b"".join(csv_parts(frame))) for table, frame in frames.items()}


def copy_in(connection: psycopg.Connection, bodies: Mapping[str, Body]) -> float:
    """Copies the bytes into empty tables of the same form with the same keys; the seconds."""
    with _bare_tables(connection, bodies):
        began = time.perf_counter()
        with connection.transaction(), connection.cursor() as cursor:
            for table, (columns, body) in bodies.items():
                statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
                    sql.Identifier(f"bare_{table}"), sql.SQL(", ").join(map(sql.Identifier, columns))
                )
                with cursor.copy(statement) as copy:
                    copy.write(body)
        return time.perf_counter() - began


def empty(connection: psycopg.Connection, tables: Sequence[str]) -> None:
    """Takes all rows off the tables, and writes what is dirty, so that the next measurement pays for itself only."""
    for table in tables:
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))
    connection.execute("CHECKPOINT")


@contextmanager
def _bare_tables(connection: psycopg.Connection, tables: Mapping[str, Body]) -> Iterator[None]:
    for table in tables:
        create = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)")
        connection.execute(create.format(sql.Identifier(f"bare_{table}"), sql.Identifier(table)))
    yield
    for table in tables:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"bare_{table}")))
