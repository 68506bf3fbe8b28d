"""Frames in and out of PostgreSQL through COPY.

A frame is a `pyarrow.Table`. Both ways go through CSV, which PostgreSQL and Arrow read and write in native code
and in which decimals stay exact; an unquoted empty field is NULL, a quoted one is the empty string.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import IO, Any, cast

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from psycopg import sql

_CHUNK = 1 << 20


def schema_of(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """A frame's schema from the types of its columns, all of which may be null."""
    return pa.schema(list(columns.items()))


def copy_in(connection: psycopg.Connection, table: sql.Identifier, frame: pa.Table) -> int:
    """Copies the frame's rows into a table that has its columns, and returns their number.

    The rows are written as they are: no check beside the table's own constraints.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, frame.column_names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, columns)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in _ahead(csv_parts(frame)):
            copy.write(part)
    return frame.num_rows


def _ahead(parts: Iterator[memoryview]) -> Iterator[memoryview]:
    """The parts, each made while the database is at the one before: two are in memory, and it waits for none."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = pool.submit(next, parts, None)
            yield part


def csv_parts(frame: pa.Table) -> Iterator[memoryview]:
    """The frame's rows as COPY reads them, in parts of some megabytes."""
    for batch in frame.to_batches(max_chunksize=50_000):
        # Arrow writes the bytes of another buffer for a batch without rows.
        if batch.num_rows:
            buffer = io.BytesIO()
            pacsv.write_csv(batch, buffer, pacsv.WriteOptions(include_header=False))
            yield buffer.getbuffer()


def copy_out(connection: psycopg.Connection, query: sql.Composable, schema: pa.Schema) -> pa.Table:
    """The rows of a query as a frame of exactly this schema (the query's columns, in its order)."""
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)) as copy,
    ):
        body = io.BytesIO()
        body.writelines(copy)
    if not body.tell():
        return schema.empty_table()
    # In Arrow's own memory: a thread of its reader that still holds Python's when the process ends can make it end with
    # SIGABRT (apache/arrow#34314), as an export was once seen to.
    text = pa.allocate_buffer(body.tell())
    with pa.FixedSizeBufferWriter(text) as writer:
        writer.write(body.getbuffer())
    del body
    read_as = pa.schema([pa.field(field.name, _read_type(field.type)) for field in schema])
    frame = pacsv.read_csv(
        cast("IO[bytes]", pa.BufferReader(text)),
        read_options=pacsv.ReadOptions(column_names=schema.names, block_size=8 * _CHUNK),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=read_as,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return frame.cast(schema)


def read_months(
    connection: psycopg.Connection,
    table: str,
    months: Sequence[date],
    columns: Sequence[str] | None = None,
    *,
    only: Mapping[str, Sequence[Any]] | None = None,
) -> pa.Table:
    """The rows of these months of a month table, with these columns (all when None), in no promised order.

    `only` those that have one of the values in one of these columns.
    """
    schema = table_schema(connection, table)
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    if not months:
        return wanted.empty_table()
    query = sql.SQL("SELECT {} FROM {} WHERE month IN ({}) AND {}").format(
        select_list(wanted),
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Literal, months)),
        _has_any(only),
    )
    return copy_out(connection, query, wanted)


def read_table(
    connection: psycopg.Connection, table: str, *, only: Mapping[str, Sequence[Any]] | None = None
) -> pa.Table:
    """All rows of a table that has no months, such as those that people edit; `only` as `read_months` takes it."""
    schema = table_schema(connection, table)
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        select_list(schema), sql.Identifier(table), _has_any(only)
    )
    return copy_out(connection, query, schema)


def _has_any(only: Mapping[str, Sequence[Any]] | None) -> sql.Composable:
    if only is None:
        return sql.SQL("true")
    parts = [
        sql.SQL("{} IN ({})").format(sql.Identifier(name), sql.SQL(", ").join(map(sql.Literal, values)))
        for name, values in only.items()
        if values
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(parts)) if parts else sql.SQL("false")


def select_list(schema: pa.Schema) -> sql.Composable:
    """The columns as COPY must send them: instants as UTC without a zone, which Arrow reads as such."""
    parts = [
        sql.SQL("{} AT TIME ZONE 'UTC'").format(sql.Identifier(field.name))
        if pa.types.is_timestamp(field.type)
        else sql.Identifier(field.name)
        for field in schema
    ]
    return sql.SQL(", ").join(parts)


def table_schema(connection: psycopg.Connection, table: str) -> pa.Schema:
    """The frame schema of a table: its columns in order, their Arrow types, and whether they may be null."""
    rows = connection.execute(
        """SELECT attname, format_type(atttypid, NULL), atttypmod, NOT attnotnull
           FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
        [table],
    ).fetchall()
    return pa.schema(
        [pa.field(name, _arrow_type(kind, modifier), nullable) for name, kind, modifier, nullable in rows]
    )


_ARROW_TYPES: dict[str, Any] = {
    "text": pa.string(),
    "jsonb": pa.string(),
    "date": pa.date32(),
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "date[]": pa.string(),
}


def _arrow_type(kind: str, modifier: int) -> Any:
    if kind == "numeric":
        precision, scale = (modifier - 4) >> 16, (modifier - 4) & 0x7FF
        return pa.decimal128(precision, scale)
    return _ARROW_TYPES[kind]


def _read_type(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind


def months_in(frame: pa.Table) -> list[date]:
    """The months that have rows in the frame, in order."""
    found: list[Any] = pc.unique(frame["month"]).to_pylist()
    return sorted(found)
