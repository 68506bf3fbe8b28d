"""Replacing a month: the one way in which an asset's rows are written.

A month's rows become those of a frame, all or nothing, in one transaction. Rows that are there already stay
untouched, so that running a month again writes nothing. A month without rows is copied into directly; otherwise
the frame is copied beside the table and only the difference is applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from ledger_pipelines.errors import ClosedMonthError, FrameError
from ledger_pipelines.months import describe_months, format_month
from ledger_pipelines.store.copy import copy_in, months_in, table_schema
from ledger_pipelines.store.writes import record_writes

_STAGE = "replacement_stage"
# A range is asked about at once: statements for each of its months were a sixth of the time of two years of few rows.
_MISSING_PARTITIONS = """
SELECT t.name, m.month FROM unnest(%s::text[]) AS t (name), unnest(%s::date[]) AS m (month)
WHERE to_regclass(format('ledger.%%I', month_partition(t.name, m.month))) IS NULL
OR NOT EXISTS (SELECT FROM ledger_periods p WHERE p.month = m.month) ORDER BY 1, 2"""


@dataclass(frozen=True, slots=True)
class Change:
    """How a month's rows differ from those before, in rows; one that changed counts as removed and added."""

    added: int = 0
    removed: int = 0
    unchanged: int = 0

    def __add__(self, other: Change) -> Change:
        return Change(
            self.added + other.added, self.removed + other.removed, self.unchanged + other.unchanged
        )

    @property
    def rows(self) -> int:
        """Rows after the change."""
        return self.added + self.unchanged


def replace_month(
    connection: psycopg.Connection,
    table: str,
    months: Sequence[date],
    frame: pa.Table,
    *,
    written_by: str | None = None,
) -> dict[date, Change]:
    """Makes the frame's rows the rows of these months, and says what changed, by month.

    `written_by` is Dagster's run, which is kept of the months that changed (`store.writes`).

    The replacement is a transaction of its own; the connection is one in autocommit mode, as `Database.connect` gives.
    Raises FrameError when columns, types, nulls, months or keys do not fit the table, and ClosedMonthError when
    one of the months is closed; in both cases nothing was written.
    """
    frame = _fitted(connection, table, months, frame)
    ensure_months(connection, [table], months)
    with connection.transaction():
        closed = lock_months(connection, table, months)
        if closed:
            raise ClosedMonthError(
                f"{describe_months(closed)} is closed and {table} was not written: "
                "reopen it with `ledger reopen`, or run the open months only."
            )
        try:
            changes = _write(connection, table, months, frame)
        except psycopg.errors.UniqueViolation as error:
            raise FrameError(f"Two rows for {table} have the same key: {error.diag.message_detail}") from None
        except (psycopg.errors.CheckViolation, psycopg.errors.NotNullViolation) as error:
            raise FrameError(
                f"A row for {table} breaks {error.diag.constraint_name}: {error.diag.message_detail}"
            ) from None
        changed = [month for month, change in changes.items() if change.added or change.removed]
        record_writes(connection, table, changed, written_by=written_by)
    return changes


def compare_month(
    connection: psycopg.Connection, table: str, months: Sequence[date], frame: pa.Table
) -> dict[date, Change]:
    """What `replace_month` would change in these months, open or closed; writes nothing.

    Raises FrameError as `replace_month` does.
    """
    frame = _fitted(connection, table, months, frame)
    with connection.transaction(force_rollback=True):
        key, rest = _columns(connection, table)
        _stage(connection, table, frame)
        same = sql.SQL("SELECT t.month FROM {t} t JOIN {s} s ON {same} WHERE t.month = ANY(%s)").format(
            t=sql.Identifier(table), s=sql.Identifier(_STAGE), same=_same_row(key, rest)
        )
        unchanged = _count(connection, same, months)
        booked = _count(
            connection,
            sql.SQL("SELECT month FROM {} WHERE month = ANY(%s)").format(sql.Identifier(table)),
            months,
        )
    computed = _rows_by_month(frame)
    return {
        month: Change(
            added=computed.get(month, 0) - unchanged.get(month, 0),
            removed=booked.get(month, 0) - unchanged.get(month, 0),
            unchanged=unchanged.get(month, 0),
        )
        for month in months
    }


def ensure_months(connection: psycopg.Connection, tables: Sequence[str], months: Sequence[date]) -> None:
    """Makes the partitions of these months where they are missing.

    To be called before a longer transaction begins: making a partition locks the whole table until its end.
    """
    for table, month in connection.execute(_MISSING_PARTITIONS, [list(tables), list(months)]).fetchall():
        # One at a time: two locks at once could meet another run's in the other order.
        with connection.transaction():
            connection.execute("SELECT ensure_month(%s, %s)", [table, month])


def lock_months(connection: psycopg.Connection, table: str, months: Sequence[date]) -> list[date]:
    """Keeps other writers of these months, and closing them, out until the transaction ends.

    Returns those of the months that are closed.
    """
    # One after another, in the order of the months, as every writer takes them.
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name",
        [[f"ledger.{table}:{format_month(month)}" for month in sorted(months)]],
    )
    rows = connection.execute(
        "SELECT month, status FROM ledger_periods WHERE month = ANY(%s) ORDER BY month FOR SHARE",
        [list(months)],
    ).fetchall()
    return [month for month, status in rows if status == "closed"]


def _write(
    connection: psycopg.Connection, table: str, months: Sequence[date], frame: pa.Table
) -> dict[date, Change]:
    computed = _rows_by_month(frame)
    filled = _filled(connection, table, months)
    fresh = frame if not filled else rows_of_months(frame, [month for month in months if month not in filled])
    if fresh.num_rows:
        copy_in(connection, sql.Identifier(table), fresh)
    changes = {month: Change(added=computed.get(month, 0)) for month in months}
    if filled:
        changes |= _apply_difference(connection, table, filled, rows_of_months(frame, filled))
    return changes


def _apply_difference(
    connection: psycopg.Connection, table: str, months: Sequence[date], frame: pa.Table
) -> dict[date, Change]:
    key, rest = _columns(connection, table)
    _stage(connection, table, frame)
    names = {"t": sql.Identifier(table), "s": sql.Identifier(_STAGE)}
    delete = sql.SQL(
        "DELETE FROM {t} t WHERE t.month = ANY(%s) AND NOT EXISTS (SELECT FROM {s} s WHERE {same}) RETURNING t.month"
    ).format(**names, same=_same_row(key, rest))
    insert = sql.SQL(
        "INSERT INTO {t} SELECT s.* FROM {s} s WHERE NOT EXISTS "
        "(SELECT FROM {t} t WHERE t.month = ANY(%s) AND {same}) RETURNING month"
    ).format(**names, same=_equal(key))
    removed = _count(connection, delete, months)
    added = _count(connection, insert, months)
    connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(_STAGE)))
    computed = _rows_by_month(frame)
    return {
        month: Change(
            added=added.get(month, 0),
            removed=removed.get(month, 0),
            unchanged=computed.get(month, 0) - added.get(month, 0),
        )
        for month in months
    }


def _stage(connection: psycopg.Connection, table: str, frame: pa.Table) -> None:
    stage = sql.Identifier(_STAGE)
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(stage, sql.Identifier(table))
    )
    copy_in(connection, sql.Identifier("pg_temp", _STAGE), frame)
    connection.execute(sql.SQL("ANALYZE {}").format(stage))


def _count(
    connection: psycopg.Connection, statement: sql.Composable, months: Sequence[date]
) -> dict[date, int]:
    """Rows by month of a statement that gives one month a row and takes the months as its parameter."""
    counting = sql.SQL("WITH touched AS ({}) SELECT month, count(*) FROM touched GROUP BY month").format(
        statement
    )
    return dict(connection.execute(counting, [list(months)]).fetchall())


def _equal(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL(" AND ").join(sql.SQL("s.{0} = t.{0}").format(sql.Identifier(name)) for name in columns)


def _same_row(key: Sequence[str], rest: Sequence[str]) -> sql.Composable:
    if not rest:
        return _equal(key)
    sides = [sql.SQL(", ").join(sql.Identifier(side, name) for name in rest) for side in ("s", "t")]
    return sql.SQL("{} AND ROW({}) IS NOT DISTINCT FROM ROW({})").format(_equal(key), *sides)


def key_columns(connection: psycopg.Connection, table: str) -> list[str]:
    """The columns of the table's primary key, in the table's order."""
    return _columns(connection, table)[0]


def _columns(connection: psycopg.Connection, table: str) -> tuple[list[str], list[str]]:
    """The table's key columns and its other columns."""
    rows = connection.execute(
        """SELECT a.attname, a.attnum = ANY(i.indkey) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
           WHERE i.indrelid = to_regclass(%s) AND i.indisprimary AND a.attnum > 0 AND NOT a.attisdropped
           ORDER BY a.attnum""",
        [table],
    ).fetchall()
    return [name for name, in_key in rows if in_key], [name for name, in_key in rows if not in_key]


def _filled(connection: psycopg.Connection, table: str, months: Sequence[date]) -> list[date]:
    """Those of the months that have rows in the table."""
    # Each month by name, so that PostgreSQL plans for its partition alone: no other month's is locked, which somebody may
    # be reopening.
    each = [
        sql.SQL("(SELECT {month}::date WHERE EXISTS (SELECT FROM {table} WHERE month = {month}))").format(
            month=sql.Literal(month), table=sql.Identifier(table)
        )
        for month in months
    ]
    return [month for (month,) in connection.execute(sql.SQL(" UNION ALL ").join(each))] if each else []


def rows_of_months(frame: pa.Table, months: Sequence[date]) -> pa.Table:
    """The frame's rows of these months."""
    return frame.filter(pc.is_in(frame["month"], value_set=pa.array(months, pa.date32())))


def _rows_by_month(frame: pa.Table) -> dict[date, int]:
    counts: list[Any] = frame.group_by("month").aggregate([([], "count_all")]).to_pylist()
    return {row["month"]: row["count_all"] for row in counts}


def _fitted(connection: psycopg.Connection, table: str, months: Sequence[date], frame: pa.Table) -> pa.Table:
    """The frame with the table's columns in the table's order and types; FrameError where it does not fit."""
    schema = table_schema(connection, table)
    if not schema.names:
        raise FrameError(f"There is no table {table}: run `ledger migrate`.")
    missing = [name for name in schema.names if name not in frame.column_names]
    unknown = [name for name in frame.column_names if name not in schema.names]
    if missing or unknown:
        parts = [f"lacks {', '.join(missing)}"] * bool(missing) + [
            f"has the unknown {', '.join(unknown)}"
        ] * bool(unknown)
        raise FrameError(f"The frame for {table} {' and '.join(parts)}.")
    frame = frame.select(schema.names)
    for field in schema:
        _check_column(table, field, frame.schema.field(field.name).type, frame[field.name].null_count)
    if not _columns(connection, table)[0]:
        raise FrameError(f"{table} has no primary key, by which rows are told apart: give it one in sql/.")
    strangers = [month for month in months_in(frame) if month not in months]
    if strangers:
        raise FrameError(
            f"The frame for {table} has rows of {describe_months(strangers)}, which was not asked for."
        )
    try:
        return frame.cast(schema)
    except pa.ArrowInvalid as error:
        raise FrameError(f"A value for {table} does not fit its column: {error}") from None


def _check_column(table: str, field: pa.Field[Any], given: pa.DataType, nulls: int) -> None:
    same_family = (
        given == field.type
        or (pa.types.is_string(field.type) and pa.types.is_large_string(given))
        or (
            pa.types.is_integer(field.type)
            and pa.types.is_integer(given)
            and given.bit_width <= field.type.bit_width
        )
        or (pa.types.is_decimal(field.type) and (pa.types.is_decimal(given) or pa.types.is_integer(given)))
    )
    if not same_family:
        raise FrameError(f"{table}.{field.name} is {field.type}, the frame has {given}.")
    if nulls and not field.nullable:
        raise FrameError(f"{table}.{field.name} must have a value, {nulls:,} rows of the frame have none.")
