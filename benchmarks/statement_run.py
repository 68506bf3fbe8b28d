"""A month's statement run against bare COPY, measured in one process and one database.

The baseline moves the same bytes and does nothing else: COPY the same input columns out and drop them, COPY the
same output rows, ready as bytes, into empty tables of the same form with the same keys.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
from psycopg import sql

from benchmarks import books
from ledger_pipelines.billing.inputs import COLUMNS
from ledger_pipelines.billing.statements import bill
from ledger_pipelines.defs.billing.run import (
    OUTPUT_TABLES,
    SNAPSHOT_TABLES,
    read_hours,
    read_inputs,
    run_statements,
)
from ledger_pipelines.months import month_range, years_so_far
from ledger_pipelines.store.database import Database
from ledger_pipelines.store.embedded import EmbeddedServer
from ledger_pipelines.store.frames import csv_parts, select_list, table_schema
from ledger_pipelines.store.migrations import migrate
from ledger_pipelines.store.replacement import Change, ensure_months, replace_month

YEAR = 2025
ROUNDS = 3


@dataclass(slots=True)
class Figures:
    """What was measured, in seconds: medians; `single` and `year` are means, of one month alone and of all as a range."""

    input_rows: int = 0
    output_rows: int = 0
    lines: int = 0
    bare_copy_out: float = 0
    bare_copy_in: float = 0
    run: float = 0
    run_again: float = 0
    rules: float = 0
    months: int = 0
    single: float = 0
    year: float = 0
    peak_megabytes: float = 0

    @property
    def bare(self) -> float:
        return self.bare_copy_out + self.bare_copy_in


def measure(companies: int, months: int, tell: Callable[[str], None]) -> Figures:
    """Fills a database of its own, measures, and throws it away."""
    year = month_range(date(YEAR, 1, 1), date(YEAR + 1, 1, 1))[:months]
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as home:
        server = EmbeddedServer(Path(home))
        try:
            database = server.database()
            migrate(database, first_month=year[0])
            tell(f"Writing {months} months of {companies:,} companies")
            # In a process of its own, so that the peak memory measured here is that of the run.
            filling = multiprocessing.get_context("spawn").Process(
                target=books.fill, args=(database, year, companies)
            )
            filling.start()
            filling.join()
            if filling.exitcode:
                raise RuntimeError("the benchmark's inputs could not be written")
            with database.connect() as connection:
                return _measure(connection, database, year, tell)
        finally:
            server.release()


def _measure(
    connection: psycopg.Connection, database: Database, year: Sequence[date], tell: Callable[[str], None]
) -> Figures:
    figures = Figures()
    month = [year[-1]]
    ready = _measure_rules(connection, month, figures)
    tell("One month against bare COPY")
    ensure_months(connection, OUTPUT_TABLES, year)
    outs, ins, runs = [], [], []
    for _ in range(ROUNDS):
        seconds, figures.input_rows = _bare_copy_out(connection, month)
        outs.append(seconds)
        ins.append(_bare_copy_in(connection, ready))
        _empty(connection)
        runs.append(_run(database, connection, month))
    figures.bare_copy_out, figures.bare_copy_in, figures.run = map(statistics.median, (outs, ins, runs))
    figures.run_again = statistics.median(_run(database, connection, month) for _ in range(ROUNDS))
    if len(year) > 1:
        ranges, singles = [], []
        for round_number in range(1, ROUNDS + 1):
            tell(f"{len(year)} months one by one, then as one range ({round_number} of {ROUNDS})")
            _empty(connection)
            singles += [_run(database, connection, [month]) for month in year]
            _empty(connection)
            ranges.append(_run(database, connection, year))
        figures.months, figures.single, figures.year = (
            len(year),
            statistics.mean(singles),
            statistics.mean(ranges),
        )
    figures.peak_megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def _measure_rules(connection: psycopg.Connection, month: list[date], figures: Figures) -> dict[str, bytes]:
    """Times the rules alone, and returns their output as bytes that COPY can take."""
    inputs = read_inputs(connection, month, frozenset(), read_hours(connection, month, frozenset()))
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = bill(inputs, month, currency="USD")
        taken.append(time.perf_counter() - began)
    figures.rules = statistics.median(taken)
    figures.lines = result.lines.num_rows
    outputs = dict(zip(OUTPUT_TABLES, (result.ticket_hours, result.lines, result.statements), strict=True))
    figures.output_rows = sum(frame.num_rows for frame in outputs.values())
    return {table: b"".join(csv_parts(frame)) for table, frame in outputs.items()}


def _run(database: Database, connection: psycopg.Connection, months: Sequence[date]) -> float:
    """Runs the statements of these months and returns the seconds that it took."""

    def write(frames: Mapping[str, pa.Table], months: Sequence[date]) -> dict[str, dict[date, Change]]:
        ensure_months(connection, list(frames), months)
        with connection.transaction():
            return {table: replace_month(connection, table, months, frame) for table, frame in frames.items()}

    began = time.perf_counter()
    for _ in run_statements(database, months, closed=frozenset(), currency="USD", write=write):
        pass
    return time.perf_counter() - began


def _bare_copy_out(connection: psycopg.Connection, months: Sequence[date]) -> tuple[float, int]:
    rows = 0
    began = time.perf_counter()
    for table in (*SNAPSHOT_TABLES, "tickets"):
        schema = table_schema(connection, table)
        columns = select_list(pa.schema([schema.field(name) for name in COLUMNS[table]]))
        read = years_so_far(months) if table == "tickets" else months
        query = sql.SQL("COPY (SELECT {} FROM {} WHERE month IN ({})) TO STDOUT (FORMAT csv)").format(
            columns, sql.Identifier(table), sql.SQL(", ").join(map(sql.Literal, read))
        )
        with connection.cursor() as cursor:
            with cursor.copy(query) as copy:
                for _ in copy:
                    pass
            rows += cursor.rowcount
    return time.perf_counter() - began, rows


def _bare_copy_in(connection: psycopg.Connection, ready: Mapping[str, bytes]) -> float:
    with _bare_tables(connection, ready):
        began = time.perf_counter()
        with connection.transaction(), connection.cursor() as cursor:
            for table, body in ready.items():
                statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(f"bare_{table}"))
                with cursor.copy(statement) as copy:
                    copy.write(body)
        return time.perf_counter() - began


@contextmanager
def _bare_tables(connection: psycopg.Connection, tables: Mapping[str, bytes]) -> Iterator[None]:
    for table in tables:
        create = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)")
        connection.execute(create.format(sql.Identifier(f"bare_{table}"), sql.Identifier(table)))
    yield
    for table in tables:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"bare_{table}")))


def _empty(connection: psycopg.Connection) -> None:
    for table in OUTPUT_TABLES:
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(table)))
    connection.execute("CHECKPOINT")
